// The frame of the page: access, the clock, the navigation, and the view.
import { go, link, onChange, read } from "./address.js";
import { get } from "./api.js";
import { Foot, Live, Login, Root, Skip, Ways } from "./frame.js";
import { listen, step } from "./keys.js";
import { Palette } from "./palette.js";
import { on, start, state } from "./store.js";
import { applyChoices, choices, Component, createRef, html, onAnnounce, render, t } from "./ui.js";
import { Accounts } from "./views/accounts.js";
import { Callbacks } from "./views/callbacks.js";
import { ClockBar, toNextEvent } from "./views/clock.js";
import { Faults } from "./views/faults.js";
import { Requests } from "./views/requests.js";
import { Task } from "./views/task.js";
import { Tasks } from "./views/tasks.js";

const VIEWS = { tasks: Tasks, task: Task, callbacks: Callbacks, requests: Requests,
  faults: Faults, accounts: Accounts };
const WAYS = ["tasks", "requests", "callbacks", "faults", "accounts"];
const MOST_FOUND = 8;

async function findTasks(text) {
  const { data } = await get("tasks", { search: text, limit: MOST_FOUND });
  return data.map((task) => ({ text: task.prompt || task.endpoint, detail: task.task_id,
    to: link("task", { id: task.task_id }) }));
}

class App extends Component {
  state = { address: read(), said: "", bad: false, version: 0 };
  main = createRef();
  help = { show() {} };
  palette = { show() {} };

  componentDidMount() {
    onChange((address) => {
      const moved = address.view !== this.state.address.view
        || address.id !== this.state.address.id;
      this.setState({ address });
      if (moved) requestAnimationFrame(() => this.main.current?.focus({ preventScroll: true }));
    });
    on("state", () => this.setState({ version: this.state.version + 1 }));
    onAnnounce((said, bad) => this.setState({ said, bad }));
    listen({
      "/": () => document.querySelector("input[type=search]")?.focus(),
      j: () => step(1),
      k: () => step(-1),
      Escape: () => this.back(),
      "?": () => this.help.show(),
      "]": () => toNextEvent(),
      palette: () => this.palette.show(),
    });
    if (read().token) start();
  }

  // Back to where a task was opened from, so that its place is found again.
  back() {
    const { view } = read();
    if (view !== "task") return;
    if (history.length > 1 && this.cameFromList) history.back();
    else go("tasks");
  }

  render(_, { address, said, bad }) {
    if (!address.token || state.connection === "refused") {
      return html`<${Login} message=${state.message} command="kling-mock serve" opened=${start} />`;
    }
    this.cameFromList = this.cameFromList || address.view !== "task";
    const View = VIEWS[address.view] ?? Tasks;
    const shown = address.view === "task" ? "tasks" : address.view;
    const faults = state.faults.filter(({ times, acted }) => times === null || acted < times).length;
    // In the other language, or zone, everything is drawn anew: no view has to know.
    const drawn = `${choices.language} ${choices.zone}`;
    return html`
      <${Skip} main=${this.main} />
      <header>
        <div class="bar">
          <a class="brand" href=${link("tasks")}>kling-mock</a>
          <${Ways} views=${WAYS} shown=${shown} counts=${{ faults }} />
          <${Live} connection=${state.connection} />
        </div>
        <${ClockBar} key=${drawn} />
      </header>
      <main id="main" ref=${this.main} tabindex="-1">
        <p class=${`said ${bad ? "bad" : ""}`} role="status" aria-live="polite">${said}</p>
        <${View} key=${`${shown} ${address.view === "task" ? address.id : ""} ${drawn}`} address=${address} />
      </main>
      <${Foot} help=${this.help} />
      <${Palette} palette=${this.palette} views=${WAYS} find=${findTasks} />`;
  }
}

applyChoices();
render(html`<${Root} app=${App} />`, document.getElementById("app"));
