// Files of the open session: on their way with a message, and those that are there.

import { h } from "./dom.js";
import { address, basename } from "./files.js";
import { t } from "./language.js";
import { Pictures } from "./pictures.js";
import { MOST_PER_MESSAGE, Uploads } from "./uploads.js";
import { Attachments } from "./views/attachments.js";
import { FilesPanel } from "./views/filespanel.js";
import { showPictures } from "./views/lightbox.js";
import { showPreview } from "./views/preview.js";
import { toast } from "./views/toast.js";

export class FileWork {
  #api;
  #of;
  #attachments;

  /**
   * `sessionId()` and `state()` are the open session's; `begin()` makes one; `composer` is told what waits;
   * `report(error)`.
   */
  constructor(api, of) {
    this.#api = api;
    this.#of = of;
    this.pictures = new Pictures(api, of.sessionId);
    this.uploads = new Uploads(api, {
      onChange: (sessionId) => sessionId === of.sessionId() && this.show(),
      onLanded: (sessionId, path, file) => {
        this.pictures.keep(sessionId, path, file);
        this.panel.refresh(sessionId);
      },
    });
    this.#attachments = new Attachments({
      onFiles: (named) => this.attach(named),
      onRemove: (key) => this.detach(key),
      onRetry: (key) => this.uploads.retry(of.sessionId(), key),
      canRetry: (key) => this.uploads.canRetry(key),
      fileOf: (key) => this.uploads.fileOf(key),
      loadPicture: (path) => this.pictures.load(path),
      showPicture: (thumbnail) => this.showPicture(thumbnail),
      onProblem: toast,
    });
    this.panel = new FilesPanel(api, {
      onDownload: (path) => this.download(path),
      onOpen: (path) => this.showPreview({ file: path }),
      loadPicture: (path) => this.pictures.load(path),
      showPicture: (thumbnail) => this.showPicture(thumbnail),
      onRemoved: (sessionId, path) => this.uploads.forget(sessionId, path),
      onProblem: of.report,
    });
  }

  async attach(named) {
    const { sessionId, begin, composer, report } = this.#of;
    try {
      if (!sessionId()) {
        composer.expect({ ready: 0, coming: named.length, failed: 0 });
        await begin();
      }
      const left = this.uploads.add(sessionId(), named);
      if (left)
        toast(t("A message takes at most {most} files; {left} not attached.", { most: MOST_PER_MESSAGE, left }));
      composer.focus();
    } catch (error) {
      this.show();
      report(error);
    }
  }

  /** It is deleted on the server too, unless a message has it. */
  detach(key) {
    const { sessionId, state, report } = this.#of;
    const id = sessionId();
    const { file_id, path } = this.uploads.of(id).find((item) => item.key === key);
    this.uploads.remove(id, key);
    const { entries, unsent } = state();
    const sent = [...entries, ...unsent].some((entry) => entry.attachments?.some((other) => other.file_id === file_id));
    if (!file_id || sent) return;
    const { folder, name } = address(path);
    this.#api
      .delete(`/api/sessions/${id}/files/${name}?folder=${folder}`)
      .catch((error) => error.status === 404 || report(error));
  }

  show() {
    const items = this.uploads.of(this.#of.sessionId());
    this.#attachments.show(items);
    const inState = (...states) => items.filter((item) => states.includes(item.state)).length;
    this.#of.composer.expect({
      ready: inState("done"),
      coming: inState("waiting", "uploading"),
      failed: inState("failed"),
    });
  }

  close() {
    this.uploads.clear();
    this.pictures.clear();
    this.panel.close();
  }

  /** Among the pictures that stand around it. */
  showPicture(thumbnail) {
    const group = thumbnail.closest("#messages, #attachments, #files-places");
    const paths = [...group.querySelectorAll("[data-picture]")].map((node) => node.dataset.picture);
    showPictures([...new Set(paths)], thumbnail.dataset.picture, {
      load: (path) => this.pictures.load(path),
      download: (path) => this.download(path),
    });
  }

  /** `place`: {file: name or path, page?, quote?} */
  showPreview(place) {
    showPreview(this.#api, this.#of.sessionId(), place, { download: (path) => this.download(path) });
  }

  /** What is in a folder of the open session; nothing where there is none. */
  async entries(folder) {
    const id = this.#of.sessionId();
    if (!id) return [];
    const { files } = await this.#api.get(`/api/sessions/${id}/files`, { folder }).catch(() => ({ files: [] })); // asked again with the next list
    return files;
  }

  /** By an address that carries its own permission, so that the browser does the rest, however large the file is. */
  async download(path) {
    const { folder, name } = address(path);
    try {
      const { download_url } = await this.#api.get(
        `/api/sessions/${this.#of.sessionId()}/files/${name}/presign-download`,
        { folder },
      );
      h("a", { href: download_url, download: basename(path) }).click();
    } catch (error) {
      if (error.status === 404) toast(t("{name} does not exist any more.", { name: basename(path) }));
      else this.#of.report(error);
    }
  }
}
