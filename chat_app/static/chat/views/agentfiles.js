// The files of an agent, in its form. They are there, or gone, at once: saving the form has nothing to do with them.

import { button, h, icon, setText } from "../dom.js";
import { address, sizeText } from "../files.js";
import { t } from "../language.js";
import { confirmed } from "./confirm.js";
import { fill } from "./dialog.js";

/** `agent`: {id}, or one that is not made yet. */
export function agentFiles(api, agent) {
  const about = h(
    "span",
    { class: "faint" },
    agent.id
      ? t("The model can search and read them in each chat with this agent.")
      : t("Create it first, then give it files."),
  );
  const node = h("fieldset", { class: "efforts" }, h("legend", { class: "faint" }, t("Files")), about);
  if (agent.id) node.append(...listed(api, `/api/agents/${agent.id}/files`));
  return { node };
}

function listed(api, base) {
  const status = h("p", { class: "faint", role: "status" });
  const place = h("div", {});
  const chooser = h("input", { type: "file", multiple: true, hidden: true, "aria-label": t("Add files") });
  const add = button({ icon: "plus", text: t("Add files"), class: "quiet small" }, () => chooser.click());

  const show = () =>
    fill(place, async () => {
      const { files } = await api.get(base, { folder: "agent" });
      return files.length ? h("ul", { class: "files" }, ...files.map(row)) : "";
    });
  const row = (entry) => {
    const { name } = entry;
    const said = [
      h("span", { dir: "auto" }, name),
      h(
        "span",
        { class: "faint" },
        entry.type === "folder" ? t("{count} files", { count: entry.file_count }) : sizeText(entry.size),
      ),
    ];
    const remove = button({ icon: "trash", label: t("Delete {name}", { name }), class: "icon-button" }, () =>
      act(() => gone(entry)),
    );
    return h(
      "li",
      {},
      h("span", { class: "file-name" }, icon(entry.type === "folder" ? "folder" : "file"), ...said),
      entry.type === "folder" ? null : remove,
    );
  };
  const gone = async (entry) => {
    const agreed = await confirmed({
      title: t("Delete this file?"),
      text: t("“{name}” will be gone for good, for the agent too.", entry),
      action: t("Delete"),
    });
    if (!agreed) return;
    const { folder, name } = address(entry.path);
    await api.delete(`${base}/${name}?folder=${folder}`);
  };
  const upload = async (files) => {
    for (const file of files) {
      setText(status, t("Uploading {name}", { name: file.name }));
      await api.upload(`${base}/upload?folder=agent`, file, { name: file.name });
    }
  };
  const act = async (work) => {
    add.disabled = true;
    status.classList.remove("problem");
    try {
      await work();
      setText(status, "");
    } catch (error) {
      setText(status, error.message);
      status.classList.add("problem");
    } finally {
      add.disabled = false;
    }
    await show();
    add.focus();
  };
  chooser.addEventListener("change", () => {
    const files = [...chooser.files];
    chooser.value = ""; // so that the same file can be chosen again
    act(() => upload(files));
  });
  show();
  return [place, chooser, h("div", {}, add), status];
}
