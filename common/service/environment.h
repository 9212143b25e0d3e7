// The environment of a process, read once at start. Each call names one variable, what it is for,
// its default and what it accepts; from the same calls comes the table that --help prints.
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

// what() names the variable, its value and what is accepted: the operator reads nothing else.
class ConfigError : public std::runtime_error {
 public:
  ConfigError(const std::string& variable, const std::string& value, const std::string& accepted);
};

class Environment {
 public:
  // The value of a variable, or nothing when it is not set.
  using Lookup = std::function<std::optional<std::string>(const std::string& name)>;

  // Reads the process's own environment.
  Environment();
  explicit Environment(Lookup lookup) : lookup_(std::move(lookup)) {}

  int integer(const std::string& name, int default_value, int min, int max,
              const std::string& meaning);

  bool boolean(const std::string& name, bool default_value, const std::string& meaning);

  // One of the names in `choices`, as the value beside it.
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

  // Any text that `is_accepted` takes; `accepted` says in words what that is.
  std::string text(const std::string& name, const std::string& default_value,
                   const std::string& accepted, const std::string& meaning,
                   const std::function<bool(const std::string&)>& is_accepted);

  // What a secret's file holds, without the white space around it; nothing when the variable is not
  // set or empty. The file is read now. It must hold 1 to 4096 printable ASCII characters.
  std::optional<std::string> secret_file(const std::string& name, const std::string& meaning);

  // The variables read so far, for a person.
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
