// What the pages of the emulator and of a relay have in common around their views.
import { link, setToken } from "./address.js";
import { KEYS } from "./keys.js";
import { choices, choose, Component, createRef, html, t } from "./ui.js";

export function Login({ message, command, opened }) {
  const open = (event) => {
    event.preventDefault();
    setToken(event.target.elements.token.value.trim());
    opened();
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
    <pre class="code" tabindex="0" role="group" aria-label=${t("login.where")}>${command}</pre>
  </main>`;
}

export function Skip({ main }) {
  return html`<a class="skip" href="#main" onClick=${(event) => {
    event.preventDefault();
    main.current.focus();
  }}>${t("skip")}</a>`;
}

export function Ways({ views, shown, counts = {} }) {
  return html`<nav aria-label=${t("nav")}>
    ${views.map((view) => html`<a href=${link(view)} key=${view}
      aria-current=${view === shown ? "page" : undefined}>${t(`view.${view}`)}${counts[view] > 0
        && html` <span class="count">${counts[view]}</span>`}</a>`)}
  </nav>`;
}

export function Live({ connection }) {
  return html`<span class=${`live ${connection}`} role="status">
    <span aria-hidden="true">${connection === "live" ? "●" : "○"}</span>
    ${t(`connection.${connection}`)}
  </span>`;
}

function Chooser({ name, values }) {
  return html`<label class="chooser"><span>${t(`choose.${name}`)}</span>
    <select value=${choices[name]} onChange=${(event) => choose(name, event.target.value)}>
      ${values.map((value) => html`<option value=${value}>${t(`choose.${name}.${value}`)}</option>`)}
    </select>
  </label>`;
}

export class Foot extends Component {
  dialog = createRef();

  // The help can be opened by a key, too.
  componentDidMount() {
    this.props.help.show = () => this.dialog.current.showModal();
  }

  render({ help }) {
    return html`<footer>
        <${Chooser} name="language" values=${["en", "zh"]} />
        <${Chooser} name="theme" values=${["auto", "light", "dark"]} />
        <${Chooser} name="zone" values=${["utc", "local"]} />
        <button type="button" class="small" onClick=${() => help.show()}><kbd>?</kbd> ${t("keys")}</button>
      </footer>
      <dialog ref=${this.dialog} aria-label=${t("keys")}>
        <h2>${t("keys")}</h2>
        <dl class="keys">${KEYS.map(({ key, text }) => html`
          <div key=${key}><dt><kbd>${key}</kbd></dt><dd>${t(text)}</dd></div>`)}
        </dl>
        <button type="button" class="primary" onClick=${() => this.dialog.current.close()}>${t("close")}</button>
      </dialog>`;
  }
}

// A choice is made in many places, and shown in all of them.
export class Root extends Component {
  componentDidMount() {
    addEventListener("change", () => this.setState({}));
  }

  render({ app }) {
    return html`<${app} />`;
  }
}
