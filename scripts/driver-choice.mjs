// Which Vulkan drivers are worth trying on a machine, in which order, and what to tell whoever has none.
// Pure functions of facts; driver.mjs collects the facts and tries.

/**
 * @typedef {object} MachineFacts
 * @property {string} platform    as in process.platform
 * @property {string} force       ROENTGEN_DRIVER: "private" (only our own copy), "system" (never our own copy), "" (whichever works)
 * @property {string} chosen      VK_DRIVER_FILES or VK_ICD_FILENAMES as the user set it, "" if not
 * @property {string[]} devices   GPU device files, such as /dev/dri/renderD128
 * @property {string[]} manifests paths of the driver manifests (ICD files) of the system
 * @property {boolean} loader     a usable libvulkan.so.1 is on the system
 */

/**
 * @typedef {object} DriverCandidate
 * @property {"native" | "chosen" | "hardware" | "software" | "private"} kind
 * @property {string} [manifest]  for "software": the manifest to use and no other
 */

/**
 * Lavapipe's manifest is lvp_icd.json, or carries an architecture: lvp_icd.x86_64.json.
 *
 * @param {string} path
 */
export const isLavapipe = (path) => /(^|\/)lvp_icd(\.\w+)?\.json$/.test(path);

/**
 * The drivers to try, best first. Each is believed only when Dawn gets an adapter from it.
 *
 * @param {MachineFacts} facts
 * @returns {DriverCandidate[]}
 */
export function driverCandidates({ platform, force, chosen, devices, manifests, loader }) {
  if (platform !== "linux") return [{ kind: "native" }];
  if (force === "private") return [{ kind: "private" }];
  /** @type {DriverCandidate[]} */
  const candidates = [];
  if (loader && chosen !== "") candidates.push({ kind: "chosen" });
  if (loader && devices.length > 0 && manifests.some((path) => !isLavapipe(path))) candidates.push({ kind: "hardware" });
  const lavapipe = manifests.find(isLavapipe);
  if (loader && lavapipe !== undefined) candidates.push({ kind: "software", manifest: lavapipe });
  if (force !== "system") candidates.push({ kind: "private" });
  return candidates;
}

/**
 * The one command that gives this system a software Vulkan driver that Dawn accepts.
 *
 * @param {{ id: string, like: string[], codename: string, version: number }} os
 * @param {string | undefined} mirror  the archive that Debian's packages come from here
 * @returns {string}
 */
export function installCommand(os, mirror) {
  const family = [os.id, ...os.like];
  const is = (/** @type {string[]} */ ...names) => names.some((name) => family.includes(name));
  if (os.id === "debian" && os.version === 12) {
    const line = `deb ${mirror ?? "MIRROR"} ${os.codename}-backports main`;
    return (
      `sudo sh -c 'echo "${line}" > /etc/apt/sources.list.d/backports.list && apt-get update && ` +
      `apt-get install -y --no-install-recommends -t ${os.codename}-backports mesa-vulkan-drivers libvulkan1'`
    );
  }
  if (is("debian", "ubuntu")) return "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends mesa-vulkan-drivers libvulkan1'";
  if (is("fedora", "rhel", "centos")) return "sudo dnf install -y mesa-vulkan-drivers vulkan-loader";
  if (is("arch")) return "sudo pacman -S --needed vulkan-swrast vulkan-icd-loader";
  if (is("opensuse", "suse")) return "sudo zypper install -y libvulkan_lvp libvulkan1";
  if (is("alpine")) return "apk add mesa-vulkan-swrast vulkan-loader";
  return "install Mesa's software Vulkan driver (lavapipe, Mesa 25 or newer) and the Vulkan loader with the system's package tool";
}
