// What is shown stands in the fragment of the address, beside the token: no server sees either.
const listeners = new Set();

// The first view, if the address names none; a page of another server has another.
export const first = { view: "tasks" };

export function read() {
  const found = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
  return { ...first, ...found };
}

// The address of another page. The token goes along, so a link opens in a new tab, too.
export function link(view, parameters = {}) {
  const token = read().token;
  const kept = Object.entries({ ...(token ? { token } : {}), view, ...parameters })
    .filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return `#${new URLSearchParams(kept)}`;
}

export function go(view, parameters = {}, { replace = false } = {}) {
  const next = link(view, parameters);
  if (next === location.hash) return;
  if (replace) {
    history.replaceState(null, "", next);
    tell();
  } else {
    location.hash = next;
  }
}

// Another filter on the same page; `replace` while somebody types, so Back leaves the page.
export function filter(changes, options) {
  const { view, token: _, ...before } = read();
  go(view, { ...before, ...changes }, options);
}

export function setToken(token) {
  const { view, ...rest } = read();
  history.replaceState(null, "", `#${new URLSearchParams({ token, view, ...rest, token })}`);
  tell();
}

export function onChange(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell() {
  for (const listener of listeners) listener(read());
}

addEventListener("hashchange", tell);
