// All keys in one place: what acts on them, and what the help shows.
const TYPING = "input, textarea, select, [contenteditable]";

export const KEYS = [
  { key: "Ctrl K", text: "palette" },
  { key: "/", text: "key.search" },
  { key: "j", text: "key.next" },
  { key: "k", text: "key.previous" },
  { key: "Enter", text: "key.open" },
  { key: "Escape", text: "key.back" },
  { key: "]", text: "key.event" },
  { key: "?", text: "key.help" },
];

// Move the focus to the next or the previous row; focus, not a selection of our own.
export function step(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const here = rows.indexOf(document.activeElement?.closest("[data-row]")
    ?? document.activeElement?.closest("[data-card]")?.querySelector("[data-row]"));
  const next = here < 0 ? (by > 0 ? 0 : rows.length - 1) : here + by;
  rows[Math.max(0, Math.min(rows.length - 1, next))].focus();
}

export function listen(actions) {
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      actions.palette();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const typing = event.target.closest?.(TYPING);
    if (event.key === "Escape" && typing) {
      typing.blur();
      return;
    }
    if (typing || document.querySelector("dialog[open]")) return;
    const act = actions[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
}
