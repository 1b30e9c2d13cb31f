// The frame of the page: who may see it, the clock, the ways to its parts, and what is shown.
import { go, link, onChange, read, setToken } from "./address.js";
import { KEYS, listen, step } from "./keys.js";
import { on, start, state } from "./store.js";
import { applyChoices, choices, choose, Component, createRef, html, onAnnounce, render, t } from "./ui.js";
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

class Login extends Component {
  render({ message }) {
    const open = (event) => {
      event.preventDefault();
      setToken(event.target.elements.token.value.trim());
      start();
    };
    return html`<main class="login">
      <h1>kling-mock</h1>
      ${message && html`<p class="bad" role="alert">${message}</p>`}
      <form onSubmit=${open}>
        <label>${t("login.token")}
          <input name="token" type="password" autocomplete="off" required autofocus />
        </label>
        <button class="primary">${t("login.open")}</button>
      </form>
      <p>${t("login.where")}</p>
      <pre class="code" tabindex="0">kling-mock serve</pre>
    </main>`;
  }
}

function Chooser({ name, values }) {
  return html`<label class="chooser"><span>${t(`choose.${name}`)}</span>
    <select value=${choices[name]} onChange=${(event) => choose(name, event.target.value)}>
      ${values.map((value) => html`<option value=${value}>${t(`choose.${name}.${value}`)}</option>`)}
    </select>
  </label>`;
}

class App extends Component {
  state = { address: read(), said: "", bad: false, version: 0 };
  main = createRef();
  help = createRef();

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
      "?": () => this.help.current.showModal(),
      "]": () => toNextEvent(),
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
      return html`<${Login} message=${state.message} />`;
    }
    this.cameFromList = this.cameFromList || address.view !== "task";
    const View = VIEWS[address.view] ?? Tasks;
    const shown = address.view === "task" ? "tasks" : address.view;
    // In the other language, or zone, everything is drawn anew: no view has to know.
    const drawn = `${choices.language} ${choices.zone}`;
    return html`
      <a class="skip" href="#main" onClick=${(event) => {
        event.preventDefault();
        this.main.current.focus();
      }}>${t("skip")}</a>
      <header>
        <div class="bar">
          <a class="brand" href=${link("tasks")}>kling-mock</a>
          <nav aria-label=${t("nav")}>
            ${WAYS.map((view) => html`<a href=${link(view)} key=${view}
              aria-current=${view === shown ? "page" : undefined}>${t(`view.${view}`)}${view === "faults" && state.faults.length > 0
                && html` <span class="count">${state.faults.length}</span>`}</a>`)}
          </nav>
          <span class=${`live ${state.connection}`} role="status">
            <span aria-hidden="true">${state.connection === "live" ? "●" : "○"}</span>
            ${t(`connection.${state.connection}`)}
          </span>
        </div>
        <${ClockBar} key=${drawn} />
      </header>
      <main id="main" ref=${this.main} tabindex="-1">
        <p class=${`said ${bad ? "bad" : ""}`} role="status" aria-live="polite">${said}</p>
        <${View} key=${`${shown} ${address.view === "task" ? address.id : ""} ${drawn}`} address=${address} />
      </main>
      <footer>
        <${Chooser} name="language" values=${["en", "zh"]} />
        <${Chooser} name="theme" values=${["auto", "light", "dark"]} />
        <${Chooser} name="zone" values=${["utc", "local"]} />
        <button type="button" class="small" onClick=${() => this.help.current.showModal()}>
          <kbd>?</kbd> ${t("keys")}</button>
      </footer>
      <dialog ref=${this.help} aria-label=${t("keys")}>
        <h2>${t("keys")}</h2>
        <dl class="keys">${KEYS.map(({ key, text }) => html`
          <div key=${key}><dt><kbd>${key}</kbd></dt><dd>${t(text)}</dd></div>`)}
        </dl>
        <form method="dialog"><button class="primary" onClick=${(event) => {
          event.preventDefault();
          this.help.current.close();
        }}>${t("close")}</button></form>
      </dialog>`;
  }
}

// A choice is made in many places, and shown in all of them.
class Root extends Component {
  componentDidMount() {
    addEventListener("change", () => this.setState({}));
  }

  render() {
    return html`<${App} />`;
  }
}

applyChoices();
render(html`<${Root} />`, document.getElementById("app"));
