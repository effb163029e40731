// The whole way of each page of the console by keyboard alone. `at` is called with the name of each
// page, and of each state of it that looks different.
import assert from "node:assert/strict";

/** The number of elements that Tab should stop at on its way to this one. */
function stopsBefore(selector) {
  const usual = "a[href], button:enabled, input:enabled:not([type=hidden], [type=radio]:not(:checked)), select, " +
    "textarea, summary";
  const isBehind = (one, other) => one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING;
  const active = document.activeElement;
  const isAhead = (element) => active === document.body || isBehind(active, element);
  const stops = [...document.querySelectorAll(usual)].filter((element) => element.checkVisibility());
  return Math.max(0, stops.filter(isAhead).findIndex((element) => element.matches(selector)));
}

/** Whether the element with the focus can be seen, and not only reached. */
function isFocusSeen() {
  const [{ left, top, width, height }] = document.activeElement.getClientRects();
  const seen = document.elementFromPoint(left + width / 2, top + height / 2);
  return document.activeElement.contains(seen);
}

/** The keys of a page. Elements get the focus by Tab. */
function keys(page) {
  const focus = async (selector) => {
    // The elements in between are passed without looking at each, which takes most of the time.
    const between = await page.evaluate(stopsBefore, selector);
    await Promise.all(Array.from({ length: between }, () => page.keyboard.press("Tab")));
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((selector) => document.activeElement.matches(selector), selector)) {
        return assert(await page.evaluate(isFocusSeen), `${selector} has the focus, and is not seen`);
      }
    }
    assert.fail(`${selector} cannot be reached by keyboard`);
  };
  return {
    focus,
    async press(selector, ...keys) {
      await focus(selector);
      for (const key of keys.length > 0 ? keys : ["Enter"]) await page.keyboard.press(key);
    },
    async type(selector, text) {
      await focus(selector);
      await page.keyboard.press("Control+A");
      await page.keyboard.type(text);
    },
  };
}

const title = (page, name) => page.getByRole("heading", { name, level: 1, exact: true }).waitFor();
const says = (page, text) => page.getByText(text).first().waitFor();
const row = (page, name) => page.locator("#secrets tbody tr", { hasText: name });

async function add(page, value, at) {
  const { focus, press, type } = keys(page);
  await press("a[href='/secrets/new']");
  await title(page, "Add a secret");
  await at("add");
  await press("main button");
  await page.locator("#name-error").waitFor();
  await at("add-refused");
  await type("#name", "walk-key");
  await type("#value", value);
  await press("[name=scope]", "ArrowDown");
  await press("#install", "Space");
  // After an error, the fields may be shown.
  if (!(await page.locator("#note").isVisible())) await press("details:has(#note) > summary");
  await type("#note", "by keyboard");
  await type("#variable", "WALK_VARIABLE");
  await type("#file-path", "/srv/app/walk");
  await press("#file-only", "Space");
  await press("#file-mode", "ArrowDown");
  await focus("#expires");
  await page.keyboard.type("12312099");
  await press("main button");
  await says(page, "Walk-key is saved: available at the next VM boot");
  const shown = await row(page, "walk-key").innerText();
  for (const text of ["by keyboard", "(file only)", "Shared", "No", "2099-12-31"]) assert(shown.includes(text), shown);
}

async function edit(page, value, at) {
  const { press, type } = keys(page);
  await press("a[aria-label='Edit walk-key']");
  await title(page, "Edit walk-key");
  await at("edit");
  await press("details:has(#lines) > summary");
  await type("#lines", `${value}\nline two`);
  await press("#install", "Space");
  await press("#file-only", "Space");
  await press("main button");
  await says(page, "running sessions keep the value, and keep it masked");
  const shown = await row(page, "walk-key").innerText();
  for (const text of ["$WALK_VARIABLE", "Yes"]) assert(shown.includes(text), shown);
  await at("list");
}

/** Gives the secret to a group, and then to its member alone. */
async function move(page, value, at) {
  const { focus, press, type } = keys(page);
  await press("a[aria-label='Edit walk-key']");
  await title(page, "Edit walk-key");
  await press("#group", "ArrowDown");
  await press("main button");
  await page.locator("#value-error").waitFor();
  assert.equal(await page.inputValue("#group"), "ops");
  await at("edit-refused");
  await type("#value", value);
  await press("main button");
  await says(page, "Walk-key has other readers");
  const shown = await row(page, "walk-key").innerText();
  for (const text of ["Shared with ops", "$WALK_VARIABLE", "Yes"]) assert(shown.includes(text), shown);
  await press("a[aria-label='Edit walk-key']");
  await title(page, "Edit walk-key");
  await type("#value", value);
  await press("[name=new-scope]", "ArrowUp");
  await press("main button");
  await says(page, "Walk-key has other readers");
  assert((await row(page, "walk-key").innerText()).includes("Private"));
}

async function find(page, at) {
  const { press, type } = keys(page);
  await type("#q", "by keyboard");
  await press("#scope", "ArrowDown", "ArrowDown");
  await press("form.search button");
  await page.waitForURL(/q=by/);
  assert.equal(await page.locator("#secrets tbody tr:visible").count(), 1);
  await press("th a[href*='sort=-name']");
  await page.waitForURL(/sort=-name/);
  assert.equal(await page.locator("th[aria-sort]").getAttribute("aria-sort"), "descending");
  await at("search");
}

async function importing(page, value, file, at) {
  const { press, type } = keys(page);
  await press("nav a[href='/import']");
  await title(page, "Import");
  await at("import");
  await type("#lines", `WALK_TOKEN=${value}\nPATH=/bin`);
  await press("main form button");
  await says(page, "1 new, 0 rotated, 1 refused");
  await at("import-refused");
  await press("main a.button");
  await title(page, "Import");
  const chooser = page.waitForEvent("filechooser");
  await press("#file");
  await (await chooser).setFiles(file);
  await press("main form button");
  await says(page, "Nothing is saved yet");
  await at("import-planned");
  await press("main form button");
  await says(page, "All entries are saved");
}

async function remove(page, name, at) {
  const { press, type } = keys(page);
  await press(`a[aria-label='Delete ${name}']`);
  await title(page, `Delete ${name}`);
  await at("delete");
  await type("#confirm", name);
  await press("main button.danger");
  await says(page, "is deleted: the next VM boot is without it");
  assert.equal(await row(page, name).count(), 0);
}

async function environments(page, at) {
  const { press, type } = keys(page);
  await press("nav a[href='/environments']");
  await title(page, "Environments");
  await at("environments");
  const set = async (variable, setting) => {
    await type("#environment", "walking");
    await type("#variable", variable);
    await type("#setting", setting);
    await press("form.entry button");
  };
  await set("PATH", "/bin");
  await page.locator("#variable-error").waitFor();
  await at("environments-refused");
  await set("WALK_MODE", "fast");
  await says(page, "The defaults of walking are changed");
  await press("section[aria-labelledby='environment-walking'] summary");
  await says(page, "fast by alice");
  await at("environments-history");
  await press("button[aria-label='Unset WALK_MODE in walking']");
  await page.locator("td[data-title=Value]", { hasText: "not set" }).waitFor();
}

async function others(page, at) {
  const { focus, press, type } = keys(page);
  await press("nav a[href='/check']");
  await title(page, "Is it set?");
  await type("#name", "WALK_MODE");
  await press("main button");
  await says(page, "Not set");
  await at("check");
  for (const name of ["Members", "History"]) {
    await press(`nav a[href='/${name.toLowerCase()}']`);
    await title(page, name);
    await at(name.toLowerCase());
  }
  await press("nav a[href='/']");
  await title(page, "Secrets");
  await press("a.skip");
  await focus("main a[href='/secrets/new']");
}

/** Goes through all pages and forms, and leaves no secret of its own. The file has WALK_TOKEN. */
export async function everyPage(page, base, value, file, at) {
  await page.goto(base + "/");
  await title(page, "Secrets");
  await add(page, value, at);
  await edit(page, value, at);
  await move(page, value, at);
  await find(page, at);
  await importing(page, value, file, at);
  await remove(page, "walk-token", at);
  await remove(page, "walk-key", () => {});
  await environments(page, at);
  await others(page, at);
}

/** Types a token that was used. */
export async function refusedToken(page, base, token, at) {
  const { press, type } = keys(page);
  await page.goto(base + "/");
  await title(page, "Sign in");
  await type("#token", token);
  await press("main button");
  await says(page, "The token was used already. Press Enter in the terminal of the console for a new one.");
  await at("sign-in");
}

/** Ends the console by its page. */
export async function stop(page, base, at) {
  const { press } = keys(page);
  await page.goto(base + "/");
  await title(page, "Secrets");
  await press("footer button");
  await says(page, "The console has ended");
  await at("ended");
}
