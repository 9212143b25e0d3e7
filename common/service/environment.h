// The environment of a process, read once at start. Each call names one variable, its meaning, its
// default and the accepted values. --help prints a table of these calls.
//
// A value that is not accepted throws ConfigError. Not thread-safe: used before threads exist.

#ifndef COMMON_SERVICE_ENVIRONMENT_H_
#define COMMON_SERVICE_ENVIRONMENT_H_

#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace common {

// what() names the variable, its value and the accepted values. The operator sees only this text.
// It does not have the value if that may be a URL with a password, in any form and any variable.
class ConfigError : public std::runtime_error {
 public:
  ConfigError(const std::string& variable, const std::string& value, const std::string& accepted);
};

// The content of a file, without surrounding white space. Accepts 1 to 4096 printable ASCII
// characters; nullopt if it has others, or can't be read.
std::optional<std::string> read_secret(const std::string& path);

class Environment {
 public:
  // The value of a variable; nullopt if it is not set.
  using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

  // Reads the process's own environment.
  Environment();
  explicit Environment(Lookup lookup) : lookup_(std::move(lookup)) {}

  int integer(const std::string& name, int default_value, int min, int max,
              const std::string& meaning);

  bool boolean(const std::string& name, bool default_value, const std::string& meaning);

  // Accepts the names in `choices`, and returns the value next to the name.
  template <typename T>
  T choice(const std::string& name, const std::string& default_name,
           const std::vector<std::pair<std::string, T>>& choices, const std::string& meaning) {
    std::string accepted;
    for (const auto& [choice_name, value] : choices) {
      accepted += (accepted.empty() ? "" : "|") + choice_name;
    }
    const std::string text = read(name, default_name, accepted, meaning);
    for (const auto& [choice_name, value] : choices) {
      if (choice_name == text) return value;
    }
    throw ConfigError(name, text, accepted);
  }

  // Accepts a text for which `is_accepted` is true; `accepted` describes it in words.
  std::string text(const std::string& name, const std::string& default_value,
                   const std::string& accepted, const std::string& meaning,
                   const std::function<bool(const std::string&)>& is_accepted);

  // read_secret() of the named file; nullopt if the variable is unset or empty.
  std::optional<std::string> secret_file(const std::string& name, const std::string& meaning);

  // The variables read so far, as text for a person.
  std::string help() const;

 private:
  struct Variable {
    std::string name;
    std::string default_value;
    std::string accepted;
    std::string meaning;
  };

  std::string read(const std::string& name, const std::string& default_value,
                   const std::string& accepted, const std::string& meaning);

  Lookup lookup_;
  std::vector<Variable> variables_;
};

}  // namespace common

#endif  // COMMON_SERVICE_ENVIRONMENT_H_
