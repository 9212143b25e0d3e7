#include "common/service/environment.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "common/base/ascii.h"

namespace common {
namespace {

std::optional<std::string> from_process(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): none are set
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

constexpr std::size_t kMaxSecretBytes = 4096;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string trim(const std::string& text) {
  const auto begin = std::find_if_not(text.begin(), text.end(), is_space);
  const auto end = std::find_if_not(text.rbegin(), text.rend(), is_space).base();
  return begin < end ? std::string(begin, end) : std::string();
}

// In a URL, or in the form "host=h password=p".
bool may_have_password(const std::string& value) {
  return value.find('@') != std::string::npos || value.find("password=") != std::string::npos ||
         value.starts_with("postgres");
}

}  // namespace

ConfigError::ConfigError(const std::string& variable, const std::string& value,
                         const std::string& accepted)
    : std::runtime_error(variable + " is \"" + (may_have_password(value) ? "(not shown)" : value) +
                         "\"; accepted: " + accepted) {}

std::optional<std::string> read_secret(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content(kMaxSecretBytes + 3, '\0');  // a line end, and one byte more than allowed
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<std::size_t>(file.gcount()));
  std::string secret = trim(content);
  const auto printable = [](char c) { return is_printable(c) && c != ' '; };
  if (secret.empty() || secret.size() > kMaxSecretBytes || !file.eof() ||
      !std::all_of(secret.begin(), secret.end(), printable)) {
    return std::nullopt;
  }
  return secret;
}

Environment::Environment() : Environment(from_process) {}

std::string Environment::read(const std::string& name, const std::string& default_value,
                              const std::string& accepted, const std::string& meaning) {
  variables_.push_back({name, default_value, accepted, meaning});
  return lookup_(name).value_or(default_value);
}

int Environment::integer(const std::string& name, int default_value, int min, int max,
                         const std::string& meaning) {
  const std::string accepted =
      "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  const std::string text = read(name, std::to_string(default_value), accepted, meaning);
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stopped_at != end || value < min || value > max) {
    throw ConfigError(name, text, accepted);
  }
  return value;
}

bool Environment::boolean(const std::string& name, bool default_value, const std::string& meaning) {
  return choice<bool>(name, default_value ? "true" : "false", {{"true", true}, {"false", false}},
                      meaning);
}

std::string Environment::text(const std::string& name, const std::string& default_value,
                              const std::string& accepted, const std::string& meaning,
                              const std::function<bool(const std::string&)>& is_accepted) {
  std::string value = read(name, default_value, accepted, meaning);
  if (!is_accepted(value)) throw ConfigError(name, value, accepted);
  return value;
}

std::optional<std::string> Environment::secret_file(const std::string& name,
                                                    const std::string& meaning) {
  const std::string accepted = "the path of a readable file with 1 to 4096 printable characters";
  const std::string path = read(name, "", accepted, meaning);
  if (path.empty()) return std::nullopt;
  if (auto secret = read_secret(path)) return secret;
  const int error = ::access(path.c_str(), R_OK) == 0 ? 0 : errno;
  const std::string reason = error == 0 ? "" : "; " + std::generic_category().message(error);
  throw ConfigError(name, path, accepted + reason);
}

std::string Environment::help() const {
  std::string help;
  for (const Variable& variable : variables_) {
    help += "  " + variable.name + "\n      " + variable.meaning +
            "\n      accepted: " + variable.accepted +
            "; default: " + (variable.default_value.empty() ? "empty" : variable.default_value) +
            "\n";
  }
  return help;
}

}  // namespace common
