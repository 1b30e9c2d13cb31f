// The page's knowledge of the server at every moment, and the listeners to its changes.
import { ask, follow, forgetFiles } from "./api.js";

const listeners = new Map();

export const state = {
  connection: "connecting", // live, lost, refused
  message: "",
  clock: null, // as the server shows it, and when it was shown: performance.now()
  faults: [],
  total: 0, // tasks
};

// *kind* is that of an event; "state" is any change of what stands above; "reload": all is old.
export function on(kind, listener) {
  if (!listeners.has(kind)) listeners.set(kind, new Set());
  listeners.get(kind).add(listener);
  return () => listeners.get(kind).delete(listener);
}

function tell(kind, data) {
  for (const listener of listeners.get(kind) ?? []) listener(data);
}

function set(changes) {
  Object.assign(state, changes);
  tell("state");
}

export const setClock = (clock) => set({ clock: { ...clock, shown: performance.now() } });

// The present on the server's clock, Unix seconds.
export function now() {
  const clock = state.clock;
  if (clock === null) return Date.now() / 1000;
  return clock.now + ((performance.now() - clock.shown) / 1000) * (clock.speed ?? 0);
}

function reload() {
  forgetFiles();
  tell("reload");
}

const HANDLERS = {
  hello: ({ resumed }) => { if (!resumed) reload(); },
  reset: () => reload(),
  clock: setClock,
  faults: ({ data }) => set({ faults: data }),
};

export function start() {
  follow(
    (kind, data) => { HANDLERS[kind]?.(data); tell(kind, data); },
    (connection, message = "") => set({ connection, message }),
  );
}

// Move a manual clock, and return what happened to tasks and callbacks on the way.
export async function advance(seconds) {
  const before = now();
  const clock = await ask("POST", "clock/advance", { seconds });
  setClock(clock);
  const [tasks, deliveries] = await Promise.all([
    ask("GET", "tasks?limit=200"), ask("GET", "deliveries?limit=200"),
  ]);
  const fired = [];
  for (const task of tasks.data) {
    for (const [status, ms] of [["processing", task.started_at],
      [task.status, task.status === "succeed" || task.status === "failed" ? task.updated_at : null]]) {
      if (ms !== null && ms / 1000 > before - 0.001) {
        fired.push({ at: ms / 1000, task_id: task.task_id, what: status });
      }
    }
  }
  for (const delivery of deliveries.data) {
    for (const attempt of delivery.attempts) {
      if (attempt.at > before - 0.001 && !attempt.replayed) {
        fired.push({ at: attempt.at, task_id: delivery.task_id, what: "callback",
          status: attempt.status });
      }
    }
  }
  return fired.sort((one, other) => one.at - other.at);
}
