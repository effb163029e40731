// Makes the console nicer; every page works without it. Nothing here reads a value.
"use strict";

// The exported variable, as the name is typed.
const name = document.getElementById("name");
const variable = document.getElementById("exported");
if (name && variable && name.type !== "hidden") {
  const show = () => {
    const text = name.value.trim();
    const upper = text.toUpperCase().replace(/[-./]/g, "_");
    const isName = /^[A-Za-z][A-Za-z0-9._-]{0,127}$/.test(text);
    variable.textContent = isName ? "$" + upper : "a variable in capitals, such as $OPENAI_API_KEY";
  };
  name.addEventListener("input", show);
  show();
}

// The list, filtered as the search is typed.
const search = document.getElementById("q");
const rows = document.querySelectorAll("#secrets tbody tr");
if (search && rows.length > 0) {
  const count = document.getElementById("count");
  const counts = count.textContent;
  search.addEventListener("input", () => {
    const word = search.value.trim().toLowerCase();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(word);
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = shown < rows.length ? counts.split(";")[0] + "; " + shown + " shown" : counts;
  });
}

// Deleting, once the name is typed.
for (const button of document.querySelectorAll("[data-confirms]")) {
  const confirm = document.getElementById("confirm");
  const check = () => { button.disabled = confirm.value.trim() !== button.dataset.confirms; };
  confirm.addEventListener("input", check);
  check();
}

// A value stays in no page that the browser keeps.
addEventListener("pagehide", () => {
  for (const field of document.querySelectorAll("input[type=password], input[type=file], textarea")) {
    field.value = "";
  }
});

// The first error, or the notes above a form.
const wrong = document.querySelector("[aria-invalid=true]");
if (wrong) wrong.focus();
