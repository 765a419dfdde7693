// The page in a real Chromium: node test/page.browser.mjs ADDRESS VECTORS.npy FOLDER
// Leaves in FOLDER the downloaded embeddings, screenshots (demo.png is that of docs), and measured.json; throws where something
// is wrong.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address, vectors, folder] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"].concat([
    "--disable-component-update",
    "--disable-sync",
  ]),
});
const context = await browser.newContext({ acceptDownloads: true, viewport: { width: 1100, height: 900 } });
const page = await context.newPage();
const asked = new Set();
const paths = new Set();
const problems = [];
page.on("request", (request) => asked.add(new URL(request.url()).origin) && paths.add(new URL(request.url()).pathname));
page.on("pageerror", (error) => problems.push(String(error)));
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
const measured = {};

async function ready() {
  await page.waitForFunction(() => document.documentElement.dataset.ready, null, { timeout: 60_000 });
}

async function results() {
  await page.waitForSelector("#results:not([hidden])", { timeout: 120_000 });
}

async function facts() {
  const names = await page.locator("#facts dt").allTextContents();
  const values = await page.locator("#facts dd").allTextContents();
  return Object.fromEntries(names.map((name, place) => [name, values[place]]));
}

// Load, and the first vector after load.
const start = Date.now();
await page.goto(address);
await ready();
measured.first_vector_ms = Number(await page.evaluate(() => document.documentElement.dataset.ready));
measured.load_ms = Date.now() - start;
assert.match(await page.textContent("#status"), /^The model text-embedding-3-small is loaded\.$/);

// By keyboard alone: two links, and then the file and the sample.
const focused = () => page.evaluate(() => document.activeElement.id);
for (const id of ["", "", "file", "sample"]) {
  await page.keyboard.press("Tab");
  assert.equal(await focused(), id);
}
await page.keyboard.press("Enter");
await results();
assert.equal(await focused(), "results");
const sample = await facts();
assert.equal(sample.rows, "300");
await page.keyboard.press("Tab");
assert.equal(await focused(), "download");
assert.ok(![...paths].some((path) => path.endsWith("text.lgt")), "the text model was loaded before anybody searched");

// A file of one's own.
await page.setInputFiles("#file", vectors);
await page.waitForFunction(() => document.querySelector("#facts dd")?.textContent !== "300", null, { timeout: 120_000 });
await results();
measured.facts = await facts();
const recalls = await page.locator("#fidelity tr td:nth-child(2)").allTextContents();
[measured.recall, measured.truncation] = recalls.map(Number);
assert.ok(measured.recall > measured.truncation, `recall ${recalls}`);
const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
measured.name = download.suggestedFilename();
await download.saveAs(join(folder, "embeddings.npy"));

// More like this: a row that is found becomes the one that is asked for.
await page.fill("#row", "5");
for (const id of ["before", "after"]) assert.equal(await page.locator(`#${id} li`).count(), 10);
measured.after = await page.locator("#after li").allTextContents();
assert.match(await page.textContent("#searched"), /^Row 5: \d+ of 10 are the same\. Codes take .* ms, vectors .* ms\.$/);
const next = page.locator("#after button").first();
const chosen = (await next.textContent()).slice("row ".length);
await next.press("Enter");
assert.deepEqual([await page.inputValue("#row"), await focused()], [chosen, "row"]);
assert.ok((await page.textContent("#searched")).startsWith(`Row ${chosen}: `));
await page.fill("#row", "99999999");
assert.ok((await page.textContent("#searched")).startsWith(`Row ${chosen}: `));

// Texts: the first search loads the model, and from then on nothing is asked for.
await page.click("#search");
await page.waitForSelector("#found li");
await context.setOffline(true);
assert.match(await page.textContent("#text-status"), /^8 of 8 texts, in .* ms\.$/);
assert.match(await page.locator("#found li").first().textContent(), /^0\.\d{3} How do I change the password of my account\?$/);
const texts = ["A man plays a guitar.", "  ", "The stock market fell.", "<b>Bread</b> with cheese"];
await page.fill("#lines", texts.join("\n"));
await page.fill("#query", "someone makes music");
await page.press("#query", "Enter");
await page.waitForFunction(() => document.querySelector("#text-status").textContent.startsWith("3 of 3"));
measured.found = await page.locator("#found li").allTextContents();
await page.fill("#query", " ");
await page.press("#query", "Enter");
await page.waitForSelector("#text-error:not([hidden])");
assert.equal(await page.textContent("#text-error"), "there is nothing to search for; type a few words");
await page.fill("#lines", "\n");
await page.click("#search");
await page.waitForFunction(() => document.querySelector("#text-error").textContent.startsWith("there are no texts"));
assert.equal(await page.locator("#found li").count(), 0);
await context.setOffline(false);
await page.goto(address);
await ready();
await page.setInputFiles("#file", vectors);
await results();
await page.click("#search");
await page.waitForSelector("#found li");
await page.screenshot({ path: join(folder, "page.png"), fullPage: true });

// What docs/demo.png shows.
await page.setViewportSize({ width: 760, height: 980 });
await page.evaluate(() => document.querySelector("#done").scrollIntoView());
await page.screenshot({ path: join(folder, "demo.png") });

// A phone, in the dark.
await page.emulateMedia({ colorScheme: "dark" });
await page.setViewportSize({ width: 375, height: 800 });
const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
assert.ok(wide <= 0, `the page is ${wide} pixels too wide for a phone`);
await page.screenshot({ path: join(folder, "phone.png"), fullPage: true });

// Wrong files say what is wrong, and the next right one works.
const place = mkdtempSync(join(tmpdir(), "linguagen-page-"));
const wrong = { "words.npy": "0.1, 0.2", "empty.npy": "" };
for (const [name, content] of Object.entries(wrong)) {
  writeFileSync(join(place, name), content);
  await page.setInputFiles("#file", join(place, name));
  await page.waitForFunction((name) => document.querySelector("#error").textContent.startsWith(name), name);
  assert.match(await page.textContent("#error"), /not a \.npy file: it (begins with|is empty).*; write it with numpy\.save/);
}
await page.click("#sample");
await page.waitForFunction(() => document.querySelector("#facts dd")?.textContent === "300", null, { timeout: 120_000 });
assert.equal(await page.isVisible("#error"), false);

// The page may ask no other address, whatever its script does.
assert.deepEqual(problems, []);
const refused = await page.evaluate(async () => {
  const seen = new Promise((resolve) => document.addEventListener("securitypolicyviolation", (event) => resolve(event.blockedURI)));
  await fetch("https://example.org/").catch(() => {});
  return seen;
});
assert.match(refused, /^https:\/\/example\.org/);
assert.deepEqual([...asked].filter((origin) => origin !== "null"), [new URL(address).origin], "something else was asked for");
writeFileSync(join(folder, "measured.json"), JSON.stringify(measured));
await browser.close();
