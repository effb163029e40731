// Walks through the console in a real browser. Each page has its whole way by mouse in a wide
// window, by keyboard alone with JavaScript at 360 pixels in dark mode, and by keyboard alone
// without JavaScript. By keyboard, each page has an accessibility audit and a screenshot in both
// looks.
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
import { everyPage, refusedToken, stop } from "./forms.mjs";

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
async function audit(name, of = page) {
  await of.evaluate(axe);
  const { passes, violations } = await of.evaluate(() => axe.run());
  assert(passes.length > 10, `${name}: the audit looked at nothing`);
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], name);
  const [width, window] = await of.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(width <= window, `${name} is ${width} pixels wide in a window of ${window}`);
  assert(!(await of.content()).includes(canary), `${name} shows the value`);
}

const LOOKS = { "wide-light": [1000, "light"], "narrow-dark": [360, "dark"] };

async function show(of, look) {
  const [width, colorScheme] = LOOKS[look];
  await of.setViewportSize({ width, height: 800 });
  await of.emulateMedia({ colorScheme });
}

/** Switches the scripts of a page off and on, also of a loaded one: an audit is a script. */
async function scriptSwitch(of) {
  const session = await of.context().newCDPSession(of);
  return (isOn) => session.send("Emulation.setScriptExecutionDisabled", { value: !isOn });
}

/** Audits and pictures a page in both looks. The last one is that of the walk. */
function inBothLooks(of, walk, own, scripts = () => {}) {
  return async (name) => {
    await scripts(true);
    const other = Object.keys(LOOKS).find((look) => look !== own);
    for (const look of [other, own]) {
      await show(of, look);
      await audit(`${name}, ${walk}, ${look}`, of);
      await shot(`${walk}-${name}-${look}`, of);
    }
    await scripts(false);
  };
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

step("a secret moves to a group, and others look at the pages");
await page.goto(base + "/secrets/edit?scope=shared&name=tls-key");
await page.selectOption("#group", "ops");
await page.fill("#value", canary + "-4");
await page.click("main button");
await page.getByText("Tls-key has other readers").waitFor();
await page.getByRole("link", { name: "Is it set?" }).click();
await page.fill("#name", "TLS_KEY");
await page.click("main button");
await page.getByText("TLS_KEY: not set").waitFor();
for (const name of ["Members", "History"]) {
  await page.getByRole("link", { name }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}
await page.goto(base + "/missing");
await inBothLooks(page, "mouse", "wide-light")("missing");

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

const upload = join(directory, "upload.env");
writeFileSync(upload, `WALK_TOKEN=${canary}-5`);

step("each page by keyboard alone, with JavaScript, narrow and dark");
await show(page, "narrow-dark");
await everyPage(page, base, canary + "-6", upload, inBothLooks(page, "scripted", "narrow-dark"));

step("each page by keyboard alone, without JavaScript");
const plain = await chromium.launch(options);
const plainPage = async (options) => {
  const context = await plain.newContext(options);
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const scripts = await scriptSwitch(page);
  await scripts(false);
  await show(page, "wide-light");
  return [page, inBothLooks(page, "plain", "wide-light", scripts)];
};
const [stranger, strangerAt] = await plainPage({});
await refusedToken(stranger, base, new URL(address).searchParams.get("token"), strangerAt);
const [still, stillAt] = await plainPage({ storageState: await browser.storageState() });
await everyPage(still, base, canary + "-7", upload, stillAt);
await still.goto(base + "/secrets/new?name=without-script");
assert.equal(await still.locator("#exported").textContent(), "$WITHOUT_SCRIPT");
await still.fill("#name", "other");
assert.equal(await still.locator("#exported").textContent(), "$WITHOUT_SCRIPT", "a script ran");
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
await stop(page, base, inBothLooks(page, "scripted", "narrow-dark"));
await browser.close();
const files = (path) => statSync(path).isDirectory() ? readdirSync(path).flatMap((name) => files(join(path, name))) : [path];
const all = readdirSync(profile).flatMap((name) => { try { return files(join(profile, name)); } catch { return []; } });
assert(all.length > 20, "the profile was not found");
for (const file of all) {
  const bytes = readFileSync(file);
  assert(!bytes.includes(canary) && !bytes.includes(Buffer.from(canary, "utf16le")), `${file} holds the value`);
}
console.log("done");
