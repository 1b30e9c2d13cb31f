// Faults: what goes wrong now, how often it still will, and a form for more.
import { ask, get } from "../api.js";
import { on, state } from "../store.js";
import { announce, Component, Empty, html, t } from "../ui.js";

function left(fault) {
  if (fault.times === null) return t("fault.unlimited", { n: fault.acted });
  return t("fault.left", { n: Math.max(0, fault.times - fault.acted), times: fault.times });
}

function Target({ fault }) {
  const parts = [fault.match !== "* *" && fault.match, fault.prompt && t("fault.prompt", { text: fault.prompt }),
    fault.external_id && t("fault.external", { text: fault.external_id }),
    fault.account && t("fault.account", { text: fault.account }), ...fault.statuses.map((one) => t(`status.${one}`)),
    fault.after > 0 && t("fault.after", { n: fault.after }),
    fault.probability < 1 && `${Math.round(fault.probability * 100)} %`].filter(Boolean);
  return html`<span class="id">${parts.length ? parts.join(" · ") : t("fault.every")}</span>`;
}

export class Faults extends Component {
  state = { kinds: [], kind: this.props.address.kind ?? "status" };

  componentDidMount() {
    this.off = on("state", () => this.setState({}));
    get("faults/kinds").then(({ data }) => this.setState({ kinds: data }),
      (error) => announce(error.message, true));
  }

  componentWillUnmount() {
    this.off();
  }

  async add(event) {
    event.preventDefault();
    const { kinds, kind } = this.state;
    const settings = kinds.find((one) => one.kind === kind)?.settings ?? [];
    const body = { kind };
    for (const [name, value] of new FormData(event.target)) {
      if (value === "" || name === "kind") continue;
      const is = settings.find((one) => one.name === name)?.type;
      body[name] = is === "number" || ["after", "times", "probability"].includes(name) ? Number(value) : value;
    }
    try {
      await ask("POST", "faults", body);
      announce(t("fault.added", { kind: t(`fault.kind.${kind}`) }));
    } catch (error) {
      announce(error.message, true);
    }
  }

  async end(path, said) {
    try {
      await ask("DELETE", path);
      announce(said);
    } catch (error) {
      announce(error.message, true);
    }
  }

  render({ address }, { kinds, kind }) {
    const settings = kinds.find((one) => one.kind === kind)?.settings ?? [];
    const field = (name, rest = {}) => html`<label key=${name}>${t(`fault.field.${name}`)}
      <input name=${name} defaultValue=${address[name] ?? ""} ...${rest} /></label>`;
    return html`
      <h1>${t("view.faults")}</h1>
      ${state.faults.length === 0 && html`<${Empty} title=${t("faults.none")}>
        <p class="quiet">${t("faults.none.hint")}</p><//>`}
      ${state.faults.length > 0 && html`<ul class="list faults">${state.faults.map((fault) => html`<li key=${fault.fault_id}>
        <b>${t(`fault.kind.${fault.kind}`)}</b> <span class="id">${fault.kind}</span>
        <div><${Target} fault=${fault} /></div>
        <div class="quiet">${Object.entries(fault.settings).filter(([, value]) => value !== null)
          .map(([name, value]) => `${t(`fault.field.${name}`)}: ${value}`).join(" · ")}</div>
        <div class="fault-foot"><span class="hits">${left(fault)}</span>
          <button type="button" onClick=${() => this.end(`faults/${encodeURIComponent(fault.fault_id)}`, t("fault.ended"))}>
            ${t("fault.end")}<span class="hidden"> ${fault.fault_id}</span></button></div></li>`)}
      </ul>
      <p><button type="button" onClick=${() => this.end("faults", t("faults.ended"))}>${t("faults.end")}</button></p>`}
      <h2>${t("fault.new")}</h2>
      <form class="fault-form" onSubmit=${(event) => this.add(event)}>
        <label class="wide">${t("fault.what")}
          <select name="kind" value=${kind} onChange=${(event) => this.setState({ kind: event.target.value })}>
            ${kinds.map((one) => html`<option key=${one.kind} value=${one.kind}>${t(`fault.kind.${one.kind}`)}</option>`)}
          </select></label>
        ${field("match", { placeholder: "POST /v1/videos/*" })}
        ${field("prompt")}
        ${field("external_id")}
        ${field("account")}
        ${field("after", { type: "number", min: 0 })}
        ${field("times", { type: "number", min: 1, defaultValue: address.times ?? 1 })}
        ${field("probability", { type: "number", min: 0, max: 1, step: "any" })}
        ${settings.map((one) => field(one.name, { key: `${kind} ${one.name}`, title: one.expected,
          placeholder: one.default === null ? "" : String(one.default),
          ...(one.type === "number" ? { type: "number", step: "any" } : {}) }))}
        <button class="primary">${t("fault.add")}</button>
      </form>`;
  }
}
