// The journal: what was asked and answered.
import { get } from "../api.js";
import { filter, link } from "../address.js";
import { on } from "../store.js";
import { announce, at, Code, Component, Copy, Empty, html, t } from "../ui.js";

const PAGE = 50;
const FILTERS = ["match", "status", "code", "account", "fault", "before"];

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

// The task that the answer is about, as far as it has one.
function taskOf(entry) {
  const data = parsed(entry.response)?.data;
  const id = data?.task_id ?? data?.id;
  return /^[0-9]{18}$/.test(id ?? "") ? id : "";
}

export const about = (entry) => {
  const said = parsed(entry.response);
  const status = said?.data?.task_status ?? said?.data?.status ?? "";
  return [entry.status ? `HTTP ${entry.status}` : t("no-answer"), entry.code ? `${entry.code} ${said?.message ?? ""}` : "",
    status && t(`status.${status}`)].filter(Boolean).join(" · ");
};

// Queries without anything else between them are one event, however many there are.
export function readings(entries) {
  const groups = [];
  for (const entry of [...entries].reverse()) {
    if (entry.method !== "GET" && entry.path !== "/tasks") continue;
    const last = groups.at(-1);
    const said = parsed(entry.response)?.data;
    const status = said?.task_status ?? said?.status ?? entry.status;
    if (last && last.status === status && last.fault === entry.fault) {
      last.entries.push(entry);
      last.until = entry.at;
    } else {
      groups.push({ at: entry.at, until: entry.at, status, fault: entry.fault, entries: [entry] });
    }
  }
  return groups;
}

export function Entry({ entry, summary, isOpen }) {
  const task = taskOf(entry);
  return html`<details class="entry" open=${isOpen}><summary data-row>${summary}
      ${entry.fault && html` <span class="tag bad">${t("fault.happened", { kind: entry.fault })}</span>`}
      ${entry.notes.length > 0 && html` <span class="tag">${t("notes", { n: entry.notes.length })}</span>`}</summary>
    <div class="entry-body">
      <p>#${entry.number} · ${entry.method} ${entry.path}${entry.query && `?${entry.query}`} ·
        ${" "}${about(entry)} · ${t("fact.request-id")} <span class="id">${entry.request_id}</span> ·
        ${" "}<a href=${link("requests", { number: entry.number })}>${t("link")}</a></p>
      ${entry.notes.map((note) => html`<p key=${`${note.kind} ${note.field}`} class="note">
        ${t(`note.${note.kind}`)}: ${note.field} ${note.text}</p>`)}
      ${entry.request && html`<p class="label">${t("request")}</p><${Code} text=${entry.request} label=${t("request")} />`}
      <p class="label">${t("response")}</p><${Code} text=${entry.response || t("no-answer")} label=${t("response")} />
      <p class="actions">
        ${task && html`<a href=${link("task", { id: task })}>${t("task")} ${task}</a>`}
        ${entry.code > 0 && html` <a href=${link("faults", { kind: "status", code: entry.code,
          match: `${entry.method} ${entry.path}` })}>${t("fault.again")}</a>`}
        ${" "}<${Copy} text=${entry.response} label=${t("copy.response")} />
      </p>
    </div>
  </details>`;
}

export class Requests extends Component {
  state = { rows: null, next: null, forgotten: 0 };

  componentDidMount() {
    this.off = [on("requests", () => this.soon()), on("reload", () => this.load())];
    this.load();
  }

  componentWillUnmount() {
    this.off.forEach((end) => end());
    clearTimeout(this.later);
    clearTimeout(this.typing);
  }

  componentDidUpdate(before) {
    if ([...FILTERS, "number"].some((name) => before.address[name] !== this.props.address[name])) {
      this.load();
    }
  }

  soon() {
    if (this.props.address.before || this.props.address.number) return;
    this.later ??= setTimeout(() => { this.later = undefined; this.load(); }, 100);
  }

  async load() {
    const { number: one, ...wanted } = this.props.address;
    const filters = Object.fromEntries(FILTERS.map((name) => [name, wanted[name]]));
    try {
      const found = await get("journal", one ? { before: Number(one) + 1, limit: 1 }
        : { ...filters, limit: PAGE });
      this.setState({ rows: found.data, next: found.next_before, forgotten: found.forgotten });
    } catch (error) {
      announce(error.message, true);
    }
  }

  render({ address }, { rows, next, forgotten }) {
    const { match, status, number: one, view: _view, token: _token, before: _before, ...rest } = address;
    const filtered = one || rest.account || rest.code || rest.fault;
    return html`
      <h1>${t("view.requests")}</h1>
      <form class="filters" role="search" onSubmit=${(event) => event.preventDefault()}>
        <label class="grow"><span>${t("requests.match")} <kbd>/</kbd></span>
          <input type="search" value=${this.typed ?? match ?? ""} placeholder="POST /v1/videos/*"
            onInput=${(event) => {
              this.typed = event.target.value;
              clearTimeout(this.typing);
              this.typing = setTimeout(() => {
                filter({ match: this.typed, before: "" }, { replace: true });
                this.typed = undefined;
              }, 200);
            }} /></label>
        <label>HTTP <input type="number" class="short" min="0" max="599" value=${status ?? ""}
          onChange=${(event) => filter({ status: event.target.value, before: "" })} /></label>
        ${filtered && html`<a href=${link("requests")}>${t("filters.clear")}</a>`}
      </form>
      ${forgotten > 0 && html`<p class="quiet">${t("story.forgotten", { n: forgotten })}</p>`}
      ${rows !== null && rows.length === 0 && html`<${Empty} title=${t("requests.none")}>
        <pre class="code" tabindex="0" role="group" aria-label=${t("requests.none")}>export KLING_BASE_URL=${location.origin}</pre><//>`}
      <ul class="list">${(rows ?? []).map((entry) => html`<li key=${entry.number}>
        <${Entry} entry=${entry} isOpen=${one ? true : undefined} summary=${html`<time>${at(entry.at)}</time>
          ${" "}<b>${entry.method}</b> <span class="id">${entry.path}</span>
          ${" "}<span class=${entry.code || !entry.status ? "bad" : "good"}>${about(entry)}</span>
          ${entry.account && html` <span class="quiet">${entry.account}</span>`}`} /></li>`)}</ul>
      <nav class="pages" aria-label=${t("pages")}>
        ${address.before && html`<a href=${link("requests", { match, status, ...rest })}>${t("pages.newest")}</a>`}
        ${next && !one && html`<a rel="next" href=${link("requests", { match, status, ...rest, before: next })}>${t("pages.older")}</a>`}
      </nav>`;
  }
}
