// The page in a real Chromium: node test/page.browser.mjs ADDRESS VECTORS.npy FOLDER
// Leaves in FOLDER the downloaded embeddings, screenshots, and measured.json; throws where something is wrong.
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
const problems = [];
page.on("request", (request) => asked.add(new URL(request.url()).origin));
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

// By keyboard alone: the second stop is the sample.
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.id), "file");
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.id), "sample");
await page.keyboard.press("Enter");
await results();
assert.equal(await page.evaluate(() => document.activeElement.id), "results");
const sample = await facts();
assert.equal(sample.rows, "600");
await page.keyboard.press("Tab");
assert.equal(await page.evaluate(() => document.activeElement.id), "download");

// A file of one's own.
await page.setInputFiles("#file", vectors);
await page.waitForFunction(() => document.querySelector("#facts dd")?.textContent !== "600", null, { timeout: 120_000 });
await results();
measured.facts = await facts();
const recalls = await page.locator("#fidelity tr td:nth-child(2)").allTextContents();
[measured.recall, measured.truncation] = recalls.map(Number);
assert.ok(measured.recall > measured.truncation, `recall ${recalls}`);
const [download] = await Promise.all([page.waitForEvent("download"), page.click("#download")]);
measured.name = download.suggestedFilename();
await download.saveAs(join(folder, "embeddings.npy"));
await page.fill("#row", "5");
assert.equal(await page.locator("#before li").count(), 10);
assert.equal(await page.locator("#after li").count(), 10);
await page.screenshot({ path: join(folder, "page.png"), fullPage: true });

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
await page.waitForFunction(() => document.querySelector("#facts dd")?.textContent === "600", null, { timeout: 120_000 });
assert.equal(await page.isVisible("#error"), false);

assert.deepEqual([...asked].filter((origin) => origin !== "null"), [new URL(address).origin], "something else was asked for");
assert.deepEqual(problems, []);
writeFileSync(join(folder, "measured.json"), JSON.stringify(measured));
await browser.close();
