// The admin API, and its stream of events, with the token in a header.
import { read } from "./address.js";

const RETRY = [250, 500, 1000, 2000, 5000]; // milliseconds
const KEPT_FILES = 80;
// By path, the last used one last.
const files = new Map();

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const headers = (more) => ({ Authorization: `Bearer ${read().token ?? ""}`, ...more });

async function refusal(reply) {
  let message = `HTTP ${reply.status}`;
  try { message = (await reply.json()).error.message; } catch { /* no JSON */ }
  return new Refused(reply.status, message);
}

export async function ask(method, path, body) {
  const reply = await fetch(path, {
    method,
    headers: headers(),
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  if (!reply.ok) throw await refusal(reply);
  return reply.json();
}

export const get = (path, parameters = {}) => {
  const kept = Object.entries(parameters).filter(([, value]) => value !== "" && value != null);
  return ask("GET", kept.length ? `${path}?${new URLSearchParams(kept)}` : path);
};

// The file at *path* as an address in the page's own memory; the oldest ones make room.
export function file(path) {
  let found = files.get(path);
  if (found === undefined) {
    found = fetch(path, { headers: headers() }).then(async (reply) => {
      if (!reply.ok) throw await refusal(reply);
      return URL.createObjectURL(await reply.blob());
    });
    found.catch(() => files.delete(path));
  }
  files.delete(path);
  files.set(path, found);
  if (files.size > KEPT_FILES) {
    const [oldest, address] = files.entries().next().value;
    files.delete(oldest);
    address.then((made) => URL.revokeObjectURL(made), () => {});
  }
  return found;
}

// After a reset the same name may be another file. What is shown just now stays for a while.
export function forgetFiles() {
  for (const address of files.values()) {
    address.then((made) => setTimeout(() => URL.revokeObjectURL(made), 60000), () => {});
  }
  files.clear();
}

function parse(block) {
  const event = { id: null, kind: "", data: "" };
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) event.id = line.slice(4);
    else if (line.startsWith("event: ")) event.kind = line.slice(7);
    else if (line.startsWith("data: ")) event.data += line.slice(6);
  }
  return event;
}

// Follow the events for ever: after a break go on behind the last one.
// `said` gets each event; `changed` gets "live", "lost" or "refused", with a message.
export async function follow(said, changed) {
  let last = "";
  for (let failures = 0; ;) {
    try {
      const reply = await fetch("events", { headers: headers(last ? { "Last-Event-ID": last } : {}) });
      if (!reply.ok) throw await refusal(reply);
      changed("live");
      failures = 0;
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = ""; ;) {
        const { done, value } = await reader.read();
        if (done) break;
        const blocks = (text + value).split("\n\n");
        text = blocks.pop();
        for (const block of blocks) {
          const event = parse(block);
          if (event.kind) said(event.kind, JSON.parse(event.data));
          if (event.id) last = event.id;
        }
      }
      changed("lost", "");
    } catch (error) {
      if (error.status === 401 || error.status === 403) {
        changed("refused", error.message);
        return;
      }
      changed("lost", error.status ? error.message : "");
    }
    await new Promise((next) => setTimeout(next, RETRY[Math.min(failures, RETRY.length - 1)]));
    failures += 1;
  }
}
