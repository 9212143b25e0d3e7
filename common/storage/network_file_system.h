// Whether a file is on a file system that other machines can write to. SQLite's locks often do not
// work there (https://www.sqlite.org/howtocorrupt.html, section 2.1).

#ifndef COMMON_STORAGE_NETWORK_FILE_SYSTEM_H_
#define COMMON_STORAGE_NETWORK_FILE_SYSTEM_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace common {

// Its name, such as "nfs"; nullopt for a local one, and for a file that cannot be looked at. FUSE
// counts, too: what is behind it is unknown, and often remote. Thread-safe.
std::optional<std::string_view> network_file_system(const std::string& path);

// The same for a type as statfs(2) gives it.
std::optional<std::string_view> network_file_system(std::uint32_t type);

}  // namespace common

#endif  // COMMON_STORAGE_NETWORK_FILE_SYSTEM_H_
