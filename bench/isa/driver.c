// A Vulkan driver for AMD GPUs that are not there: Mesa's, whose null device (RADV_FORCE_FAMILY) compiles for any of them but lacks
// the functions that record and submit commands. Those do nothing here and say that all is well, so that Dawn opens a device.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

typedef void (*function)(void);
typedef function (*lookup)(void *, const char *);

static lookup of_device;

static void *mesa(const char *name) {
  static void *library;
  if (!library) library = dlopen("libvulkan_radeon.so", RTLD_NOW | RTLD_LOCAL);
  return library ? dlsym(library, name) : 0;
}

static int succeed(void) { return 0; }

static int needs_commands(const char *name) {
  static const char *const names[] = {
    "vkBeginCommandBuffer", "vkEndCommandBuffer", "vkResetCommandBuffer", "vkResetCommandPool", "vkQueueSubmit", "vkQueueSubmit2",
    "vkQueueSubmit2KHR", "vkQueueWaitIdle", "vkDeviceWaitIdle", "vkGetFenceStatus", "vkWaitForFences",
  };
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) if (!strcmp(name, names[i])) return 1;
  return !strncmp(name, "vkCmd", 5);
}

static function in_device(void *device, const char *name) {
  if (!strcmp(name, "vkGetDeviceProcAddr")) return (function)in_device;
  function found = of_device(device, name);
  return found && needs_commands(name) ? (function)succeed : found;
}

function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
  lookup find = (lookup)mesa("vk_icdGetInstanceProcAddr");
  function found = find ? find(instance, name) : 0;
  if (!found) return 0;
  if (!strcmp(name, "vkGetDeviceProcAddr")) {
    of_device = (lookup)found;
    return (function)in_device;
  }
  return needs_commands(name) ? (function)succeed : found;
}

function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
  lookup find = (lookup)mesa("vk_icdGetPhysicalDeviceProcAddr");
  return find ? find(instance, name) : 0;
}

int vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
  int (*negotiate)(uint32_t *) = (int (*)(uint32_t *))mesa("vk_icdNegotiateLoaderICDInterfaceVersion");
  return negotiate ? negotiate(version) : -3; // VK_ERROR_INITIALIZATION_FAILED
}
