// The base of a relay's views: polling, and money.
import { announce, Component, html, t } from "../ui.js";

const QUOTA_PER_USD = 500000n;

// A view that asks for its data at each poll, and keeps what it has while it waits.
export class Looking extends Component {
  componentDidMount() {
    this.load();
  }

  componentDidUpdate(before) {
    if (before.looks !== this.props.looks || before.address !== this.props.address) this.load();
  }

  async load() {
    try {
      this.setState(await this.ask());
    } catch (error) {
      announce(error.message, true);
    }
  }
}

// Quota as US dollars, to the last digit: whole numbers throughout.
export function dollars(quota) {
  const value = BigInt(quota);
  const size = value < 0n ? -value : value;
  const rest = String(size % QUOTA_PER_USD * 2n).padStart(6, "0").replace(/0+$/, "").padEnd(2, "0");
  return `${value < 0n ? "-" : ""}${size / QUOTA_PER_USD}.${rest} USD`;
}

export function Money({ quota }) {
  return html`<span class="money" title=${t("quota", { n: String(quota) })}>${dollars(quota)}</span>`;
}

export function Table({ caption, columns, rows }) {
  return html`<div class="wide-table" tabindex="0" role="group" aria-label=${caption}>
    <table><caption class="hidden">${caption}</caption>
      <thead><tr>${columns.map((name) => html`<th scope="col" key=${name}>${t(`relay.${name}`)}</th>`)}</tr></thead>
      <tbody>${rows}</tbody></table></div>`;
}
