// What every view is made of: elements, texts in the chosen language, and choices that are kept.
import { h, Component, render, createRef } from "./vendor/preact.mjs";
import htm from "./vendor/htm.mjs";
import { TEXTS } from "./texts.js";

export { Component, render, createRef };
export const html = htm.bind(h);

const LANGUAGES = ["en", "zh"];

function kept(name, allowed, otherwise) {
  const found = localStorage.getItem(`kling-mock.${name}`);
  return allowed.includes(found) ? found : otherwise;
}

export const choices = {
  language: kept("language", LANGUAGES, navigator.language.startsWith("zh") ? "zh" : "en"),
  theme: kept("theme", ["auto", "light", "dark"], "auto"),
  zone: kept("zone", ["utc", "local"], "utc"),
  look: kept("look", ["cards", "table"], "cards"),
  previews: kept("previews", ["play", "still"],
    matchMedia("(prefers-reduced-motion: reduce)").matches ? "still" : "play"),
};

export function choose(name, value) {
  choices[name] = value;
  localStorage.setItem(`kling-mock.${name}`, value);
  applyChoices();
}

export function applyChoices() {
  const root = document.documentElement;
  root.lang = choices.language === "zh" ? "zh-CN" : "en";
  root.dataset.theme = choices.theme;
}

// A key without a text is shown as it is; a test finds it. `{n:task|tasks}` is the word for one, or
// for several.
export function t(key, values = {}) {
  const row = TEXTS[key];
  const text = row ? row[LANGUAGES.indexOf(choices.language)] : key;
  return text.replace(/\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g, (_, name, one, several) => {
    if (several === undefined) return String(values[name] ?? "");
    return String(values[name]) === "1" ? one : several;
  });
}

const two = (number) => String(number).padStart(2, "0");

// Unix seconds as a date and time in the zone that was chosen.
export function at(seconds, { date = true } = {}) {
  if (seconds === null || seconds === undefined) return "";
  const moment = new Date(seconds * 1000);
  const local = choices.zone === "local";
  const part = (name) => (local ? moment[`get${name}`]() : moment[`getUTC${name}`]());
  const day = `${part("FullYear")}-${two(part("Month") + 1)}-${two(part("Date"))}`;
  const time = `${two(part("Hours"))}:${two(part("Minutes"))}:${two(part("Seconds"))}`;
  return date ? `${day} ${time}` : time;
}

export const zoneName = () => (choices.zone === "utc" ? "UTC" : t("zone.local"));

// A length of time in at most two units.
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const units = [[86400, "span.d"], [3600, "span.h"], [60, "span.min"], [1, "span.s"]];
  const first = units.findIndex(([size]) => whole >= size);
  if (first < 0) return t("span.s", { n: Math.max(0, Math.round(seconds * 10) / 10) });
  const parts = [];
  let left = whole;
  for (const [size, key] of units.slice(first, first + 2)) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) parts.push(t(key, { n: count }));
  }
  return parts.join(" ");
}

export const number = (value) => value.toLocaleString(choices.language === "zh" ? "zh-CN" : "en");

const ICONS = {
  submitted: "○", processing: "◐", succeed: "✓", failed: "✕",
  pending: "◐", delivered: "✓", dropped: "⊘", blocked: "⊘",
};

export function Status({ value }) {
  return html`<span class=${`status ${value}`}>
    <span class="icon" aria-hidden="true">${ICONS[value] ?? "?"}</span>${t(`status.${value}`)}
  </span>`;
}

export function Gauge({ label, value, most, text }) {
  return html`<div class="gauge">
    <span class="gauge-label">${label}</span>
    ${most > 0 && html`<meter min="0" max=${most} value=${Math.min(value, most)}
      aria-label=${label}>${text}</meter>`}
    <span class="gauge-text">${text}</span>
  </div>`;
}

// JSON is laid out, anything else is shown as it came.
export function Code({ text, label }) {
  let shown = text;
  try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* no JSON */ }
  return html`<pre class="code" tabindex="0" role="group" aria-label=${label}>${shown}</pre>`;
}

export function Copy({ text, label }) {
  return html`<button type="button" class="small"
    onClick=${() => navigator.clipboard.writeText(text).then(() => announce(t("copied")))}
    >${label ?? t("copy")}</button>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty"><p>${title}</p>${children}</div>`;
}

// One place shows the outcome of an action, also to screen readers.
let announcer = () => {};
export const onAnnounce = (listener) => { announcer = listener; };
export const announce = (text, bad = false) => announcer(text, bad);
