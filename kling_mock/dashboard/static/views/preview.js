// A result as a picture or a video that plays while it is in sight.
import { file } from "../api.js";
import { choices, Component, createRef, html, t } from "../ui.js";

export class Preview extends Component {
  state = { url: "", failed: false };
  box = createRef();

  componentDidMount() {
    this.watch = new IntersectionObserver(([seen]) => {
      if (seen.isIntersecting) this.load();
      const video = this.box.current?.querySelector("video");
      if (!video || this.props.controls) return;
      if (seen.isIntersecting && choices.previews === "play") video.play().catch(() => {});
      else video.pause();
    }, { rootMargin: "50px" });
    this.watch.observe(this.box.current);
  }

  componentDidUpdate(before) {
    if (before.path !== this.props.path) {
      this.setState({ url: "", failed: false });
      this.load();
    }
    const video = this.box.current?.querySelector("video");
    if (!video || this.props.controls || before.playing === this.props.playing) return;
    if (this.props.playing) video.play().catch(() => {});
    else video.pause();
  }

  componentWillUnmount() {
    this.watch.disconnect();
  }

  load() {
    const { path } = this.props;
    if (this.loaded === path) return;
    this.loaded = path;
    file(path).then(
      (url) => { if (this.loaded === path) this.setState({ url }); },
      () => this.setState({ failed: true }),
    );
  }

  render({ type, label, controls }, { url, failed }) {
    return html`<div class="preview" ref=${this.box}>
      ${failed && html`<span class="quiet">${t("preview.gone")}</span>`}
      ${url && type === "image" && html`<img src=${url} alt=${label} />`}
      ${url && (type === "audio" || type === "voice") && html`<audio src=${url} controls aria-label=${label}></audio>`}
      ${url && type === "video" && html`<video src=${url} aria-label=${label} playsinline loop
        muted=${!controls} controls=${controls} preload="auto"
        autoplay=${!controls && choices.previews === "play"}></video>`}
    </div>`;
  }
}
