// The tasks, page by page, as cards or as a table; new ones come in unless somebody is elsewhere.
import { get } from "../api.js";
import { filter, link } from "../address.js";
import { now, on, setClock, state } from "../store.js";
import { announce, at, choices, choose, Component, Copy, Empty, html, number, span, Status, t } from "../ui.js";
import { Preview } from "./preview.js";

const PAGE = 50;
const STATUSES = ["submitted", "processing", "succeed", "failed"];
const FILTERS = ["search", "status", "endpoint", "account"];

const isOpen = (task) => task.status === "submitted" || task.status === "processing";

// Whether the server would list *task* under these filters.
function matches(task, filters) {
  const text = (filters.search ?? "").toLowerCase();
  return ["status", "endpoint", "account"].every((name) => !filters[name] || task[name] === filters[name])
    && (!text || task.task_id.startsWith(text)
      || task.external_task_id.toLowerCase().includes(text) || task.prompt.toLowerCase().includes(text));
}

export function Ages({ task }) {
  const virtual = span(now() - task.created_at / 1000);
  const real = span(Date.now() / 1000 - task.made_at);
  return html`<span class="ages">
    <span title=${t("age.virtual.why")}>${t("age.virtual", { span: virtual })}</span>
    ${state.clock?.kind !== "real" && html`<span class="quiet" title=${t("age.real.why")}>
      ${t("age.real", { span: real })}</span>`}
  </span>`;
}

export function Progress({ task }) {
  if (!isOpen(task) || task.due === null) return null;
  const start = task.created_at / 1000;
  const share = Math.min(1, Math.max(0, (now() - start) / (task.due - start)));
  return html`<progress max="1" value=${share} aria-label=${t("task.progress")}>
    ${Math.round(share * 100)} %</progress>`;
}

export const cost = (task) => {
  if (task.status === "failed") return t("cost.none");
  return t(task.status === "succeed" ? "cost.charged" : "cost.expected", { n: number(task.units) });
};

const about = (task) => [task.model, task.mode !== "none" && task.mode,
  task.seconds > 0 && t("span.s", { n: task.seconds }), task.resolution].filter(Boolean).join(" · ");

function Picture({ task, playing }) {
  const result = task.results[0];
  if (result?.path) {
    return html`<${Preview} path=${`media/${result.path}`} type=${result.type} playing=${playing}
      label=${t("preview.of", { prompt: task.prompt || task.task_id })} />`;
  }
  if (task.inputs.length) {
    return html`<${Preview} path=${`tasks/${task.task_id}/inputs/0`} type="image"
      label=${t("input.of", { field: task.inputs[0].field })} />`;
  }
  return html`<div class="preview blank" aria-hidden="true">${task.status === "failed" ? "✕" : "▷"}</div>`;
}

const open = (task) => link("task", { id: task.task_id });

function Card({ task, playing }) {
  return html`<li class=${`card ${task.status}`} data-card>
    <${Picture} task=${task} playing=${playing} />
    ${task.results[0]?.path && task.inputs.length > 0 && html`<div class="input-mark">
      <${Preview} path=${`tasks/${task.task_id}/inputs/0`} type="image"
        label=${t("input.of", { field: task.inputs[0].field })} /></div>`}
    <div class="card-text">
      <div class="card-head"><${Status} value=${task.status} /> <span class="cost">${cost(task)}</span></div>
      <a class="prompt" data-row href=${open(task)}>${task.prompt || t("no-prompt")}</a>
      <div class="slot"><${Progress} task=${task} /></div>
      <div class="quiet">${task.endpoint} · ${about(task)}</div>
      ${task.message && html`<div class="bad">${task.code} ${task.message}</div>`}
      <div class="card-foot"><span class="id">${task.external_task_id || task.task_id}</span>
        <${Ages} task=${task} /></div>
    </div>
  </li>`;
}

function Row({ task, playing }) {
  return html`<tr data-card>
    <td class="thumb"><${Picture} task=${task} playing=${playing} /></td>
    <td data-label=${t("column.task")}><a class="prompt" data-row href=${open(task)}>${task.prompt || t("no-prompt")}</a>
      <span class="id">${task.task_id}</span>
      ${task.external_task_id && html`<span class="id">${task.external_task_id}</span>`}</td>
    <td data-label=${t("column.status")}><${Status} value=${task.status} /><${Progress} task=${task} />
      ${task.message && html`<div class="bad">${task.code} ${task.message}</div>`}</td>
    <td data-label=${t("column.model")}>${task.endpoint}<div class="quiet">${about(task)}</div></td>
    <td data-label=${t("column.account")}>${task.account}</td>
    <td data-label=${t("column.cost")}>${cost(task)}</td>
    <td data-label=${t("column.age")}><${Ages} task=${task} /></td>
  </tr>`;
}

export function FirstTask() {
  const command = `from kling_sdk import Kling

kling = Kling(base_url="${location.origin}", api_key="...")  # api_key: what \`kling-mock serve\` prints
kling.text2video.create(prompt="a kitten on the grass")`;
  return html`<${Empty} title=${t("tasks.none")}>
    <pre class="code" tabindex="0" aria-label=${t("tasks.none.code")} role="group">${command}</pre>
    <${Copy} text=${command} />
  <//>`;
}

export class Tasks extends Component {
  state = { rows: null, total: 0, next: null, fresh: 0, accounts: [], endpoints: [] };

  componentDidMount() {
    this.off = [
      on("task", (task) => this.changed(task)),
      on("reload", () => this.load()),
      on("state", () => this.setState({})),
    ];
    this.ticks = setInterval(() => { if (!document.hidden) this.setState({}); }, 1000);
    this.load();
  }

  componentWillUnmount() {
    this.gone = true;
    this.off.forEach((end) => end());
    clearInterval(this.ticks);
    clearTimeout(this.typing);
  }

  componentDidUpdate(before) {
    const differs = [...FILTERS, "before"].some((name) => before.address[name] !== this.props.address[name]);
    if (differs) this.load();
  }

  filters() {
    return Object.fromEntries(FILTERS.map((name) => [name, this.props.address[name] ?? ""]));
  }

  async load() {
    const missed = this.missed = []; // what changes meanwhile may be newer than the answer
    try {
      const found = await get("tasks", { ...this.filters(), before: this.props.address.before,
        limit: PAGE, include: "made_at" });
      if (this.gone || this.missed !== missed) return; // somebody has typed on
      this.setState({ rows: found.data, total: found.total, next: found.next_before, fresh: 0 });
      this.learn(found.data);
    } catch (error) {
      announce(error.message, true);
    }
    if (this.missed === missed) {
      this.missed = null;
      missed.forEach((task) => this.changed(task));
    }
  }

  learn(tasks) {
    const add = (known, name) => [...new Set([...known, ...tasks.map((task) => task[name])])].sort();
    this.setState(({ accounts, endpoints }) => ({
      accounts: add(accounts, "account"), endpoints: add(endpoints, "endpoint"),
    }));
  }

  // New tasks do not push away a reader, or a row that has the focus.
  get follows() {
    return window.scrollY < 200 && !document.activeElement?.closest?.("[data-card]");
  }

  changed(task) {
    if (this.missed) {
      this.missed.push(task);
      return;
    }
    this.setState(({ rows, total, fresh }) => {
      if (rows === null) return null;
      const place = rows.findIndex((one) => one.task_id === task.task_id);
      const fits = matches(task, this.filters());
      if (place >= 0) {
        const next = [...rows];
        if (fits) next[place] = task;
        else next.splice(place, 1);
        return { rows: next, total: fits ? total : total - 1 };
      }
      if (!fits || (rows.length && task.task_id < rows[0].task_id)) return null;
      if (this.seen?.has(task.task_id)) return null; // among those that wait to be shown
      if (this.props.address.before || !this.follows) {
        (this.seen ??= new Set()).add(task.task_id);
        return { fresh: fresh + 1, total: total + 1 };
      }
      return { rows: [task, ...rows].slice(0, PAGE), total: total + 1 };
    });
  }

  showNew() {
    this.seen = new Set();
    if (this.props.address.before) filter({ before: "" });
    else this.load();
    window.scrollTo(0, 0);
  }

  render({ address }, { rows, total, next, fresh, accounts, endpoints }) {
    const playing = choices.previews === "play";
    const pick = (name, values, text = (value) => value) => html`<label>${t(`column.${name}`)}
      <select value=${address[name] ?? ""}
        onChange=${(event) => filter({ [name]: event.target.value, before: "" })}>
        <option value="">${t("any")}</option>
        ${[...new Set([...values, ...(address[name] ? [address[name]] : [])])].map((value) => html`
          <option key=${value} value=${value}>${text(value)}</option>`)}
      </select></label>`;
    return html`
      <h1>${t("view.tasks")} <small>${t("tasks.count", { n: number(total) })}</small></h1>
      <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
        <label class="grow"><span>${t("search")} <kbd>/</kbd></span>
          <input type="search" value=${this.typed ?? address.search ?? ""}
            placeholder=${t("search.hint")} onInput=${(event) => {
              this.typed = event.target.value;
              clearTimeout(this.typing);
              this.typing = setTimeout(() => {
                filter({ search: this.typed, before: "" }, { replace: true });
                this.typed = undefined;
              }, 150);
            }} /></label>
        ${pick("status", STATUSES, (value) => t(`status.${value}`))}
        ${pick("endpoint", endpoints)}
        ${pick("account", accounts)}
        <div class="switches">
          <button type="button" aria-pressed=${choices.look === "table"}
            onClick=${() => { choose("look", choices.look === "table" ? "cards" : "table"); this.setState({}); }}>
            ${t("look.table")}</button>
          <button type="button" aria-pressed=${playing}
            onClick=${() => { choose("previews", playing ? "still" : "play"); this.setState({}); }}>
            ${t("previews.play")}</button>
        </div>
      </form>
      ${fresh > 0 && html`<button type="button" class="fresh" onClick=${() => this.showNew()}>
        ${t("tasks.fresh", { n: fresh })}</button>`}
      ${rows !== null && rows.length === 0 && (FILTERS.some((name) => address[name])
        ? html`<${Empty} title=${t("tasks.no-match")}>
            <a href=${link("tasks")}>${t("filters.clear")}</a><//>`
        : html`<${FirstTask} />`)}
      ${rows !== null && rows.length > 0 && (choices.look === "table"
        ? html`<table class="tasks"><caption class="hidden">${t("view.tasks")}</caption>
          <thead><tr>${["result", "task", "status", "model", "account", "cost", "age"].map((name) => html`
            <th scope="col" key=${name}>${t(`column.${name}`)}</th>`)}</tr></thead>
          <tbody>${rows.map((task) => html`<${Row} key=${task.task_id} task=${task} playing=${playing} />`)}</tbody>
        </table>`
        : html`<ul class="cards">${rows.map((task) => html`
          <${Card} key=${task.task_id} task=${task} playing=${playing} />`)}</ul>`)}
      <nav class="pages" aria-label=${t("pages")}>
        ${address.before && html`<a href=${link("tasks", { ...this.filters() })}>${t("pages.newest")}</a>`}
        ${next && html`<a rel="next" href=${link("tasks", { ...this.filters(), before: next })}>${t("pages.older")}</a>`}
      </nav>`;
  }
}
