// Questions that follow from an answer appear without a detour over the next page. The server decides which they are:
// it is sent the form as it stands, and what it shows anew is put in. Fields that stay are not touched, so nothing
// typed is lost; a field that goes keeps what was typed until it comes back.

const room = document.querySelector("[data-deciding]");
const form = room?.closest("form");
const deciding = new Set(room?.dataset.deciding.split(" "));
const gone = new Map();
let asking;

const fields = (where) => new Map([...where.querySelectorAll(".field")]
  .map((field) => [field.querySelector("[name]")?.name, field]));

function show(wanted) {
  const before = fields(room);
  let last = room.querySelector("[role=status]");
  let change = "";
  let decides = false;
  for (const [name, fresh] of fields(wanted)) {
    const field = before.get(name) ?? gone.get(name) ?? document.importNode(fresh, true);
    if (!before.has(name)) {
      last.after(field);
      change = "more";
    }
    before.delete(name);
    if (gone.delete(name) && deciding.has(name)) decides = true;
    last = field;
  }
  for (const [name, field] of before) {
    if (field.contains(document.activeElement)) last.querySelector("[name]")?.focus();
    gone.set(name, field);
    field.remove();
    change ||= "fewer";
  }
  return [change, decides];
}

async function ask() {
  asking?.abort();
  asking = new AbortController();
  const filled = new URLSearchParams(new FormData(form));
  filled.set("action", "questions");
  try {
    const answer = await fetch(form.getAttribute("action") ?? "", { method: "POST", body: filled, signal: asking.signal });
    const page = new DOMParser().parseFromString(answer.ok ? await answer.text() : "", "text/html");
    const wanted = page.querySelector("[data-deciding]");
    if (!wanted) return;
    for (const name of wanted.dataset.deciding.split(" ")) deciding.add(name);
    const [change, decides] = show(wanted);
    form.elements.asked.value = page.querySelector("[name=asked]").value;
    if (change) room.querySelector("[role=status]").textContent = room.querySelector("[role=status]").dataset[change];
    if (decides) ask(); // it came back with its answer, of which the server has not heard yet
  } catch { /* without an answer the questions come with the next page, as they do without scripts */ }
}

room?.addEventListener("change", ({ target }) => {
  if (deciding.has(target.name)) ask();
});
