// Walks through the console in a real browser: with and without JavaScript, by mouse and by
// keyboard alone, at 360 pixels and in dark mode, with an accessibility audit of each page.
//
// Usage: walk.mjs ADDRESS DIRECTORY [COMMAND]. Screenshots and the browser's profile go into the
// directory. Ends with status 1 at the first failure.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { everyForm, refusedToken, scriptedForms, stop } from "./forms.mjs";

const require = createRequire(pathToFileURL(join(process.env.HUSHLOG_BROWSER_MODULES, "x")));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const [address, directory, hushlog] = process.argv.slice(2);
const base = new URL("/", address).href.slice(0, -1);
// Nothing else contains it, and no file of this test.
const canary = ["zq7-canary", "x4Tn9Wb", "k2"].join("-");
const options = { executablePath: "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"], timeout: 30_000 };

const profile = join(directory, "profile");
const browser = await chromium.launchPersistentContext(profile, { ...options, viewport: { width: 1000, height: 800 } });
browser.setDefaultTimeout(15_000);
const page = browser.pages()[0];
const problems = [];
page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
page.on("pageerror", (error) => problems.push(String(error)));
const shot = (name, of = page) => of.screenshot({ path: join(directory, `${name}.png`), fullPage: true });
const began = Date.now();
const step = (name) => console.log(`${((Date.now() - began) / 1000).toFixed(1)} s: ${name}`);

/** Fails if the audit of the page finds anything, or it is wider than its window. */
async function audit(name) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], name);
  const [width, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(width <= window, `${name} is ${width} pixels wide in a window of ${window}`);
  assert(!(await page.content()).includes(canary), `${name} shows the value`);
}

/** Presses Tab until this element has the focus. */
async function tabTo(selector) {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) return;
  }
  assert.fail(`${selector} cannot be reached by keyboard`);
}

step("a private file leads the browser in");
const leading = join(directory, "leading.html");
writeFileSync(leading, `<!DOCTYPE html><meta http-equiv="refresh" content="0; url=${address}">`);
await page.goto(pathToFileURL(leading).href);
await page.waitForURL(base + "/");
await page.getByRole("heading", { name: "Secrets", level: 1 }).waitFor();
const history = await page.evaluate(() => location.href);
assert(!history.includes("token"));
await audit("empty list");

step("a secret is added by keyboard alone");
await tabTo("a[href='/secrets/new']");
await page.keyboard.press("Enter");
await page.waitForURL(base + "/secrets/new");
await tabTo("#name");
await page.keyboard.type("openai-api-key");
assert.equal(await page.locator("#exported").textContent(), "$OPENAI_API_KEY");
await tabTo("#value");
await page.keyboard.type(canary);
assert.equal(await page.locator("#value").getAttribute("type"), "password");
await shot("add");
await tabTo("[name=scope]");
await page.keyboard.press("ArrowDown");
assert(await page.locator("#shared").isChecked());
await tabTo("#install");
assert(await page.locator("#install").isChecked());
await tabTo("main button");
await page.keyboard.press("Enter");
await page.getByText("is saved: available at the next VM boot").waitFor();
await audit("list");

step("errors stand beside their fields, and the first one has the focus");
await page.goto(base + "/secrets/new");
await page.fill("#name", "openai-api-key");
await page.fill("#value", canary);
await page.check("#shared");
await page.click("main button");
await page.locator("#name-error").waitFor();
assert.equal(await page.evaluate(() => document.activeElement.id), "name");
assert.equal(await page.inputValue("#name"), "openai-api-key");
assert.equal(await page.inputValue("#value"), "");
assert(await page.locator("#shared").isChecked());
await audit("errors");
await shot("errors");

step("the value is rotated, and a newer file is not overwritten");
await page.goto(base + "/");
await page.getByRole("link", { name: "Edit openai-api-key" }).click();
await page.fill("#value", canary + "-2");
execFileSync(hushlog, ["env", "set", "production", "NODE_ENV=development"], { stdio: "ignore" });
await page.click("main button");
await page.getByText("the registry was changed after this form was loaded").waitFor();
await audit("conflict");
await shot("conflict");
await page.fill("#value", canary + "-2");
await page.click("main button");
await page.getByText("running sessions keep the value, and keep it masked").waitFor();

step("more secrets fill the list, which is filtered as one types");
for (const [name, scope] of [["database-url", "shared"], ["pagerduty.token", "private"], ["tls-key", "shared"]]) {
  await page.goto(base + "/secrets/new");
  await page.fill("#name", name);
  await page.check("#" + scope);
  await page.getByText("Several lines, or a file").click();
  await page.fill("#lines", `${canary}\nline of ${name}`);
  if (name === "tls-key") {
    await page.getByText("Note, variable").click();
    await page.fill("#note", "renewed by the team for web");
    await page.fill("#expires", new Date(Date.now() + 9 * 86_400_000).toISOString().slice(0, 10));
  }
  await page.click("main button");
  await page.locator(".done").waitFor();
}
await page.goto(base + "/");
await shot("list");
await page.screenshot({ path: join(directory, "readme.png"), clip: { x: 0, y: 0, width: 1000, height: 660 } });
await page.fill("#q", "token");
assert.equal(await page.locator("#secrets tbody tr:visible").count(), 1);
assert.match(await page.locator("#count").textContent(), /; 1 shown$/);
await page.fill("#q", "");
await page.getByRole("link", { name: "Name" }).click();
assert.equal(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "descending");

step("a file is imported");
await page.goto(base + "/import");
await page.fill("#lines", `STRIPE_KEY=${canary}-3\nPATH=/bin`);
await page.click("main button");
await page.getByText("1 new, 0 rotated, 1 refused").waitFor();
await audit("refused import");
await page.getByRole("link", { name: "Try again" }).click();
await page.fill("#lines", `STRIPE_KEY=${canary}-3\n`);
await page.click("main button");
await page.getByText("Nothing is saved yet").waitFor();
await audit("planned import");
await shot("import");
await page.click("main button");
await page.getByText("All entries are saved").waitFor();

step("deleting needs the name");
await page.getByRole("link", { name: "Delete database-url" }).click();
const button = page.getByRole("button", { name: "Delete the secret" });
assert(await button.isDisabled());
await page.fill("#confirm", "database-url");
await audit("delete");
await button.click();
await page.getByText("is deleted: the next VM boot is without it").waitFor();

step("a default is set, and a credential is refused there");
await page.goto(base + "/environments");
const set = async (variable, setting) => {
  await page.fill("#environment", "production");
  await page.fill("#variable", variable);
  await page.fill("#setting", setting);
  await page.getByRole("button", { name: "Set the default" }).click();
};
await set("NODE_ENV", "production");
await page.locator(".done").waitFor();
await set("API_TOKEN", canary);
await page.getByRole("link", { name: "Save it as a secret instead" }).waitFor();
assert.equal(await page.inputValue("#setting"), "");
await audit("a credential among defaults");

const quiet = ["/secrets/new", "/members", "/history", "/check"];
const places = ["/", "/secrets/edit?scope=shared&name=openai-api-key", "/import", "/environments", "/missing", ...quiet];
// The other pages were audited in their steps, in light mode.
for (const [name, width, colorScheme, pages] of [["narrow and dark", 360, "dark", places], ["light", 1000, "light", quiet]]) {
  step(`all pages, ${name}`);
  await page.setViewportSize({ width, height: 800 });
  await page.emulateMedia({ colorScheme });
  for (const place of pages) {
    await page.goto(base + place);
    await audit(`${place}, ${name}`);
    await shot(`${place.replace(/\W+/g, "-")}-${width}-${colorScheme}`);
  }
}

step("other pages can neither frame it nor send a form");
const other = createServer((_, response) => {
  response.setHeader("Content-Type", "text/html");
  response.end(`<iframe src="${base}/"></iframe><form method="post" action="${base}/secrets/delete"
    enctype="multipart/form-data"><input name="name" value="tls-key"><button>Send</button></form>`);
}).listen(0, "127.0.0.1");
await new Promise((resolve) => other.once("listening", resolve));
// Another site, and another port of the same one, to which the browser sends the cookie.
for (const host of ["localhost", "127.0.0.1"]) {
  const evil = await browser.newPage();
  await evil.goto(`http://${host}:${other.address().port}/`);
  const frame = evil.frames().find((frame) => frame !== evil.mainFrame());
  assert(!(await frame.content()).includes("tls-key"), "the page is framed");
  await evil.click("button");
  await evil.getByText("sent by another page").waitFor();
  await evil.close();
}
other.close();

// The others, which were filled in above, are the same with and without it.
step("the forms that JavaScript changes, by keyboard alone");
await page.emulateMedia({ colorScheme: "light" });
await scriptedForms(page, base, canary + "-4");

step("each page and form by keyboard alone, without JavaScript");
const plain = await chromium.launch(options);
const stranger = await plain.newContext({ javaScriptEnabled: false });
stranger.setDefaultTimeout(15_000);
await refusedToken(await stranger.newPage(), base, new URL(address).searchParams.get("token"));
const context = await plain.newContext({ javaScriptEnabled: false, storageState: await browser.storageState() });
context.setDefaultTimeout(15_000);
const still = await context.newPage();
await everyForm(still, base, canary + "-5");
await still.goto(base + "/secrets/new?name=without-script");
assert.equal(await still.locator("#exported").textContent(), "$WITHOUT_SCRIPT");
await shot("without-script", still);
await plain.close();

step("the value is nowhere in the browser");
const stored = await page.evaluate(async () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie,
  await caches.keys(), await indexedDB.databases()]));
assert.equal(stored, '[{},{},"",[],[]]');
const session = await browser.newCDPSession(page);
const { entries } = await session.send("Page.getNavigationHistory");
assert(!JSON.stringify(entries).includes(canary));
await page.goBack();
assert(!(await page.content()).includes(canary));
const expected = /status of (401|403|404|409|422)|frame-ancestors|Framing/;
assert.deepEqual(problems.filter((text) => !expected.test(text)), []);
await stop(page, base);
await browser.close();
const files = (path) => statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => files(join(path, name))) : [path];
const all = readdirSync(profile).flatMap((name) => { try { return files(join(profile, name)); } catch { return []; } });
assert(all.length > 20, "the profile was not found");
for (const file of all) {
  const bytes = readFileSync(file);
  assert(!bytes.includes(canary) && !bytes.includes(Buffer.from(canary, "utf16le")), `${file} holds the value`);
}
console.log("done");
