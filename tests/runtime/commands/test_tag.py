"""lg-run tag as users run it, with tiny taggers."""

import html
import json
import re

import pytest

from linguagen.runtime import Tagger

HOSTILE = 'Kim\'s <script>alert(1)</script> & "Lee"'


@pytest.fixture
def lines(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text(f"Kim visited Rome. It rained.\n{HOSTILE}\n", encoding="utf-8")
    return path


def test_json_lines_have_every_text_and_its_tags(run_command, tiny_taggers, lines, tmp_path):
    done = run_command("lg-run", "tag", lines, "-m", tiny_taggers["pos"])
    assert done.stdout == f"{tmp_path / 'lines.tags.jsonl'}\n"
    found = [json.loads(line) for line in (tmp_path / "lines.tags.jsonl").read_text().splitlines()]
    texts = lines.read_text().splitlines()
    assert [each["text"] for each in found] == texts
    expected = Tagger.load(tiny_taggers["pos"]).tag(texts)
    assert [each["tags"] for each in found] == [[tag._asdict() for tag in tags] for tags in expected]
    assert all(each["text"][tag["start"] : tag["end"]] == tag["text"] for each in found for tag in each["tags"])


def test_a_text_itself_is_tagged_to_standard_output(run_command, tiny_taggers):
    done = run_command("lg-run", "tag", "--text", "Kim slept.", "-m", tiny_taggers["pos"])
    assert [tag["text"] for tag in json.loads(done.stdout)] == ["Kim", "slept", "."]
    steering = run_command("lg-run", "tag", "--text", "Kim\u202e Łó\x85 slept", "-m", tiny_taggers["pos"]).stdout
    assert "\u202e" not in steering
    assert "Łó" in steering
    assert json.loads(steering)


def test_the_ending_of_the_output_is_its_format_and_pages_escape_texts(run_command, tiny_taggers, lines, tmp_path):
    for name in ("a.html", "a.json", "a.bio", "a.conllu"):
        run_command("lg-run", "tag", lines, "-m", tiny_taggers["pos"], "-o", name)
    page = (tmp_path / "a.html").read_text()
    assert "<script>" not in page
    assert page.count("<mark") == page.count("</mark>") > 5
    documents = json.loads((tmp_path / "a.json").read_text())
    assert [each["text"] for each in documents] == lines.read_text().splitlines()
    assert {"start", "end", "label"} == set(documents[0]["ents"][0])
    columns = (tmp_path / "a.bio").read_text().split("\n\n")
    assert [line.split("\t")[0] for line in columns[0].splitlines()] == ["Kim", "visited", "Rome", "."]
    conllu = (tmp_path / "a.conllu").read_text().split("\n\n")[0].splitlines()
    assert conllu[0] == "# text = Kim visited Rome."
    assert [line.split("\t")[9] for line in conllu[1:]] == ["_", "_", "SpaceAfter=No", "_"]
    assert all(line.split("\t")[3] != "_" for line in conllu[1:])


CONLLU = (
    "# sent_id = 1\n1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_\n1\tdo\tdo\tX\t_\tA=b\t0\troot\t_\tGloss=do\n"
    "2\tn't\tnot\tX\t_\t_\t1\tadvmod\t_\t_\n\n# only a comment\n\n1\tRome\tRome\tX\t_\t_\t0\troot\t_\t_\n\n"
)


@pytest.mark.parametrize(("tagger", "column"), [("pos", 3), ("ner", 9)])
def test_a_treebank_keeps_its_words_and_its_other_columns(run_command, tiny_taggers, tmp_path, tagger, column):
    (tmp_path / "bank.conllu").write_text(CONLLU)
    run_command("lg-run", "tag", "bank.conllu", "-m", tiny_taggers[tagger])
    before, after = CONLLU.splitlines(), (tmp_path / "bank.tags.conllu").read_text().splitlines()
    assert len(before) == len(after)
    words = [number for number, line in enumerate(before) if line[:2] in ("1\t", "2\t")]
    labels = [
        label for each in Tagger.load(tiny_taggers[tagger]).tag_words([["do", "n't"], ["Rome"]]) for label in each
    ]
    for number, (old, new) in enumerate(zip(before, after, strict=True)):
        if number not in words:
            assert new == old
            continue
        cells, others = new.split("\t"), old.split("\t")
        label = labels[words.index(number)]
        assert cells[column] == (label if tagger == "pos" else f"{others[9]}|NER={label}".removeprefix("_|"))
        assert cells[:column] + cells[column + 1 :] == others[:column] + others[column + 1 :]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, 'expected a file of texts, or --text "a text", and not both'),
        (["--text", "a", "-o", "b"], 2, "-o and --to are for files of texts"),
        (["lines.txt", "--to", "xml"], 2, "no format 'xml' for tags: expected --to jsonl, conllu, bio, json, html"),
        (["lines.txt", "-o", "a.pdf"], 2, "no format 'pdf' for tags"),
        (["-"], 2, "standard input has no name to call the output after; name it with -o"),
        (["bank.conllu", "--to", "html"], 2, "has words of its own, which html does not keep; expected --to conllu"),
        (["bank.conllu"], 1, "bank.conllu, line 1: 3 columns, expected the 10 of CoNLL-U"),
        (["blank.conllu"], 1, "blank.conllu, line 3: its word is empty, expected one in the second column"),
        (["comments.conllu"], 1, "comments.conllu is empty, expected at least one word"),
        (["lines.txt", "-o", "taken.html"], 2, "taken.html exists; choose another name with -o, or pass --overwrite"),
        (["nowhere.txt"], 2, "nowhere.txt does not exist"),
    ],
)
def test_errors_are_one_line_and_nothing_is_written(run_command, tiny_taggers, lines, tmp_path, words, code, message):
    (tmp_path / "bank.conllu").write_text("1\ta\tb\n")
    rest = "\t_" * 8
    (tmp_path / "blank.conllu").write_text(f"1\tRome{rest}\n\n1\t {rest}\n")
    (tmp_path / "comments.conllu").write_text("# a comment\n")
    (tmp_path / "taken.html").write_text("mine")
    before = sorted(each.name for each in tmp_path.iterdir())
    done = run_command("lg-run", "tag", *words, "-m", tiny_taggers["pos"], code=code)
    assert message in done.stderr
    assert sorted(each.name for each in tmp_path.iterdir()) == before
    assert (tmp_path / "taken.html").read_text() == "mine"


def test_a_page_escapes_what_is_inside_and_between_entities(run_command, tiny_taggers, tmp_path):
    text = "<img src=x onerror=alert(1)> Tim Cook visited Paris & left <b>Kim</b>. \x1b\u202e"
    (tmp_path / "hostile.txt").write_text(text + "\n", encoding="utf-8")
    page = run_command("lg-run", "tag", "hostile.txt", "-m", tiny_taggers["ner"], "-o", "-", "--to", "html").stdout
    body = page.split("<body>\n")[1]
    plain = re.sub(r"<small>[^<]*</small>|</?mark[^>]*>|</?p>|</body>|</html>", "", body)
    assert "<" not in plain
    assert html.unescape(plain).strip() == text.replace("\x1b\u202e", r"\x1b\u202e")
    assert re.search(r"<mark [^>]*>Tim Cook<small>PER</small></mark>", body)
