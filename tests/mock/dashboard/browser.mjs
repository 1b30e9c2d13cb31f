// A browser's few parts that the dashboard uses, to run its script without one.
// Reads {script, url, token, click} on standard input; prints what the page then shows.
import { readFileSync } from "node:fs";

const { script, url, token, click } = JSON.parse(readFileSync(0, "utf8"));

class Element {
  constructor(kind) {
    Object.assign(this, { kind, children: [], listeners: {}, text: "", value: "", hidden: false });
  }
  get textContent() { return this.text + this.children.map((one) => one.textContent).join(""); }
  set textContent(text) { this.text = text; this.children = []; }
  set innerHTML(_) { throw new Error("the page writes HTML"); }
  append(...more) { this.children.push(...more); }
  replaceChildren(...more) { this.children = more; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
}

const known = {};
const page = {
  document: {
    getElementById: (id) => (known[id] ??= new Element(id)),
    createElement: (kind) => new Element(kind),
  },
  fetch: (path, options) => fetch(url + path, options),
  setTimeout: () => 0, // one look is enough
  clearTimeout: () => {},
};
new Function(...Object.keys(page), script)(...Object.values(page));

const every = (element) => [element, ...element.children.flatMap(every)];
async function press(element) {
  const message = page.document.getElementById("message");
  message.text = "pressed";
  element.listeners.click();
  while (message.text === "pressed") await new Promise((next) => setImmediate(next));
}

known.token = Object.assign(page.document.getElementById("token"), { value: token });
await press(known.open);
for (const wanted of click) {
  const inside = Object.values(known).flatMap(every);
  await press(known[wanted]?.listeners.click ? known[wanted]
    : inside.find((one) => one.kind === "button" && one.text === wanted));
}
const rows = (id) => known[id].children.map((row) => row.children.map((one) => one.textContent));
const ids = ["tasks", "faults", "journal", "deliveries"].filter((id) => known[id]);
process.stdout.write(JSON.stringify({
  message: known.message.text,
  now: known.now?.text ?? "",
  hands: known.hands ? !known.hands.hidden : false,
  ...Object.fromEntries(ids.map((id) => [id, rows(id)])),
}));
process.exit(0);
