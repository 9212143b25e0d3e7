#include "common/storage/network_file_system.h"

#include <sys/vfs.h>

namespace common {

std::optional<std::string_view> network_file_system(const std::string& path) {
  struct statfs found {};
  if (::statfs(path.c_str(), &found) != 0) return std::nullopt;
  return network_file_system(static_cast<std::uint32_t>(found.f_type));
}

// The numbers are those of statfs(2), and of linux/magic.h.
std::optional<std::string_view> network_file_system(std::uint32_t type) {
  switch (type) {
    case 0x6969:
      return "nfs";
    case 0x517B:
    case 0xFE534D42:
    case 0xFF534D42:
      return "smb";
    case 0x01021997:
      return "9p";  // "minikube mount"
    case 0x65735546:
      return "fuse";
    case 0x5346414F:
      return "afs";
    case 0x0BD00BD0:
      return "lustre";
    default:
      return std::nullopt;
  }
}

}  // namespace common
