// One task: its result and inputs side by side, and its whole story.
import { ask, file, get } from "../api.js";
import { link } from "../address.js";
import { now, on } from "../store.js";
import { announce, at, Component, Copy, html, number, span, Status, t } from "../ui.js";
import { Delivery } from "./callbacks.js";
import { curl, incomplete, python } from "./copies.js";
import { Preview } from "./preview.js";
import { about, Entry, readings } from "./requests.js";
import { Ages, cost, Progress } from "./tasks.js";

const RETENTION = 30 * 86400; // seconds that results are kept for, as the vendor says
const IDLE = 120; // seconds without an event that are named
const isOpen = (task) => task.status === "submitted" || task.status === "processing";

// All texts in a request that lead to a file, by the names of their fields.
function addresses(value, name = "") {
  if (typeof value === "string") return /^https?:\/\//.test(value) ? [[name, value]] : [];
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, one]) => (
    key.startsWith("callback") ? [] : addresses(one, name ? `${name}.${key}` : key)));
}

function parsed(text) {
  try { return JSON.parse(text); } catch { return null; }
}

// What happened to a task, in order: from the task itself, the journal, and its callbacks.
export function story(task, entries, deliveries) {
  const events = [];
  const add = (seconds, order, kind, rest) => events.push({ at: seconds, order, kind, ...rest });
  for (const entry of entries) {
    if (entry.method === "POST" && entry.path !== "/tasks") add(entry.at, 0, "create", { entry });
  }
  if (!events.length) add(task.created_at / 1000, 0, "created", {});
  for (const group of readings(entries)) add(group.at, 3, "readings", { group });
  if (task.started_at) add(task.started_at / 1000, 1, "processing", {});
  for (const delivery of deliveries) {
    if (!delivery.attempts.length) add(delivery.at, 2, "waiting", { delivery });
    delivery.attempts.forEach((attempt, place) => add(attempt.at, 2, "callback", { delivery, attempt, place }));
  }
  if (!isOpen(task)) {
    add(task.updated_at / 1000, 1, task.status, {});
    add(task.updated_at / 1000, 1.5, "charge", {});
  }
  // A task's own times have milliseconds: without rounding, its callbacks would come before it.
  const rank = (event) => Math.floor(event.at * 1000);
  return events.sort((one, other) => rank(one) - rank(other) || one.order - other.order);
}

export class Task extends Component {
  state = { task: null, entries: [], deliveries: [], missing: "" };

  componentDidMount() {
    const { id } = this.props.address;
    this.off = [
      on("task", (task) => { if (task.task_id === id) { this.setState({ task }); this.soon(); } }),
      on("callback", (one) => { if (one.task_id === id) this.soon(); }),
      on("requests", () => this.soon()),
      on("reload", () => this.load()),
      on("state", () => this.setState({})),
    ];
    this.ticks = setInterval(() => { if (!document.hidden) this.setState({}); }, 1000);
    this.load();
  }

  componentWillUnmount() {
    this.off.forEach((end) => end());
    clearInterval(this.ticks);
    clearTimeout(this.later);
  }

  // Many requests in a row are one reason to look.
  soon() {
    this.later ??= setTimeout(() => { this.later = undefined; this.load(); }, 60);
  }

  async load() {
    const { id } = this.props.address;
    try {
      const [task, journal, deliveries] = await Promise.all([
        get(`tasks/${encodeURIComponent(id)}`, { include: "made_at" }),
        get("journal", { task_id: id, limit: 200 }),
        get("deliveries", { task_id: id, limit: 200 }),
      ]);
      this.setState({ task, entries: journal.data, forgotten: journal.forgotten,
        deliveries: deliveries.data, missing: "" });
    } catch (error) {
      this.setState({ missing: error.message });
    }
  }

  async act(path, body, said) {
    try {
      const reply = await ask("POST", `tasks/${this.props.address.id}/${path}`, body);
      announce(t(said, { n: reply.replayed }));
      await this.load();
    } catch (error) {
      announce(error.message, true);
    }
  }

  render(_, { task, entries, deliveries, missing, forgotten }) {
    if (missing) {
      return html`<h1>${t("task")}</h1><p class="bad" role="alert">${missing}</p>
        <p>${t("task.gone")} <a href=${link("tasks")}>${t("view.tasks")}</a></p>`;
    }
    if (task === null) return html`<h1>${t("task")}</h1>`;
    const created = entries.findLast((entry) => entry.method === "POST" && entry.path !== "/tasks");
    const request = created ? parsed(created.request) : null;
    const lost = created && incomplete(created);
    const left = task.updated_at / 1000 + RETENTION - now();
    return html`
      <p><a href=${link("tasks")}>← ${t("view.tasks")}</a></p>
      <h1 class="prompt">${task.prompt || t("no-prompt")}</h1>
      <p class="facts-line"><${Status} value=${task.status} /> <span class="cost">${cost(task)}</span>
        <span class="id">${task.task_id}</span> <${Copy} text=${task.task_id} /></p>
      ${task.message && html`<p class="bad">${task.code} ${task.message}</p>`}
      <${Progress} task=${task} />
      <div class="actions">
        ${isOpen(task) && html`
          <button type="button" onClick=${() => this.act("complete", undefined, "task.completed")}>${t("task.complete")}</button>
          <button type="button" onClick=${() => this.act("fail", {}, "task.failed")}>${t("task.fail")}</button>`}
        ${deliveries.length > 0 && html`
          <button type="button" onClick=${() => this.act("replay", {}, "replayed")}>${t("task.replay")}</button>`}
        ${lost?.length === 0 && html`
          <${Copy} text=${curl(created, location.origin)} label=${t("copy.curl")} />
          <${Copy} text=${python(created, location.origin)} label=${t("copy.python")} />`}
        ${created && lost?.length !== 0 && html`<span class="quiet">
          ${t("copy.cut", { what: lost?.join(", ") ?? t("copy.all") })}</span>`}
        <a class="button" href=${link("faults", { match: `POST ${created?.path ?? "*"}`, prompt: task.prompt.slice(0, 60) })}>
          ${t("task.fault")}</a>
      </div>
      <div class="sides">
        <section aria-label=${t("results")}>
          <h2>${t("results")}</h2>
          ${task.results.length === 0 && html`<p class="quiet">${t(task.status === "failed" ? "results.none" : "results.later")}</p>`}
          ${task.results.map((result, place) => (result.path ? html`<figure key=${result.path}>
            <${Preview} path=${`media/${result.path}`} type=${result.type} controls
              label=${t("preview.of", { prompt: task.prompt || task.task_id })} />
            <figcaption>${place + 1}/${task.results.length} ·
              ${" "}<button type="button" class="small" onClick=${() => this.download(result)}>${t("download")}</button>
              ${" "}${left > 0 ? t("expires", { span: span(left) }) : t("expired")}</figcaption>
          </figure>` : html`<p key=${result.url}>${t("results.given")} <span class="id">${result.url}</span></p>`))}
        </section>
        <section aria-label=${t("inputs")}>
          <h2>${t("inputs")}</h2>
          ${task.inputs.map((input, place) => html`<figure key=${place}>
            <${Preview} path=${`tasks/${task.task_id}/inputs/${place}`} type="image"
              label=${t("input.of", { field: input.field })} />
            <figcaption>${input.field}</figcaption></figure>`)}
          ${request && addresses(request).map(([field, url]) => html`<p key=${field}>
            ${field}: <span class="id">${url}</span></p>`)}
          <dl class="facts">
            ${[["endpoint", task.endpoint], ["model", task.model], ["mode", task.mode],
              ["seconds", task.seconds > 0 ? t("span.s", { n: task.seconds }) : ""], ["resolution", task.resolution],
              ["ratio", task.aspect_ratio], ["account", task.account], ["external", task.external_task_id],
              ["callback", task.callback_url], ["pace", task.pace],
            ].filter(([, value]) => value).map(([name, value]) => html`
              <div key=${name}><dt>${t(`fact.${name}`)}</dt><dd class="id">${value}</dd></div>`)}
          </dl>
          <p><${Ages} task=${task} /></p>
        </section>
      </div>
      <h2>${t("story")}</h2>
      ${forgotten > 0 && html`<p class="quiet">${t("story.forgotten", { n: number(forgotten) })}</p>`}
      <${Timeline} task=${task} events=${story(task, entries, deliveries)} />`;
  }

  async download(result) {
    try {
      const anchor = document.createElement("a");
      anchor.href = await file(`media/${result.path}`);
      anchor.download = result.path.split("/").pop();
      anchor.click();
    } catch (error) {
      announce(error.message, true);
    }
  }
}

function Timeline({ task, events }) {
  const rows = [];
  events.forEach((event, place) => {
    const before = events[place - 1];
    const idle = before ? event.at - (before.group?.until ?? before.at) : 0;
    if (idle > IDLE) {
      rows.push(html`<li class="idle" key=${`idle ${place}`}>${t("story.idle", { span: span(idle) })}</li>`);
    }
    rows.push(html`<li class=${`event ${event.kind}`} key=${`${event.kind} ${event.at} ${event.delivery?.delivery_id ?? ""} ${event.place ?? ""}`}>
      <time>${at(event.at)}</time><${Event} task=${task} event=${event} /></li>`);
  });
  if (isOpen(task) && task.due !== null) {
    rows.push(html`<li class="event due" key="due"><time>${at(task.due)}</time>
      <span class="quiet">${t("story.due", { span: span(task.due - now()) })}</span></li>`);
  }
  return html`<ol class="story">${rows}</ol>`;
}

function Event({ task, event }) {
  switch (event.kind) {
    case "create":
      return html`<${Entry} entry=${event.entry} summary=${t("story.create", { path: event.entry.path, account: task.account })} />`;
    case "created":
      return html`<span>${t("story.created")}</span>`;
    case "readings":
      return html`<details><summary>${t("story.readings", { n: event.group.entries.length,
        span: span(event.group.until - event.group.at) })}</summary>
        ${event.group.entries.slice(0, 20).map((entry) => html`<${Entry} key=${entry.number} entry=${entry}
          summary=${`${at(entry.at, { date: false })} ${about(entry)}`} />`)}
      </details>`;
    case "callback":
      return html`<${Delivery} delivery=${event.delivery} summary=${html`<${CallbackLine} ...${event} />`} />`;
    case "waiting":
      return html`<${Delivery} delivery=${event.delivery} summary=${html`${t("story.waiting", {
        status: t(`status.${event.delivery.task_status}`) })} <${Status} value=${event.delivery.state} />`} />`;
    case "charge":
      return html`<span>${task.status === "succeed"
        ? t("story.charge", { n: number(task.units), pack: t(`pack.${task.pack}`) }) : t("story.free")}</span>`;
    default:
      return html`<span><${Status} value=${event.kind} />
        ${event.kind === "failed" && html` ${task.code} ${task.message}`}</span>`;
  }
}

function CallbackLine({ delivery, attempt, place }) {
  const came = attempt.status ? `HTTP ${attempt.status}` : attempt.error || t("no-answer");
  const well = attempt.status >= 200 && attempt.status < 300;
  return html`${t("story.callback", { status: t(`status.${delivery.task_status}`), n: place + 1 })}
    ${" "}<span class=${well ? "good" : "bad"}>${well ? "✓" : "✕"} ${came}</span>
    ${attempt.replayed && html` <span class="quiet">${t("replayed.mark")}</span>`}
    ${!delivery.truthful && html` <span class="bad">${t("callback.lie")}</span>`}`;
}


