#include "tests/load/nginx.h"

#include <spawn.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <fstream>
#include <sstream>
#include <system_error>

namespace tests {

Nginx::Nginx(const std::string& http_configuration) {
  const std::string file = directory_ / "nginx.conf";
  std::string paths;
  for (const char* name : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
    paths += std::string(name) + "_temp_path " + (directory_ / name).string() + ";\n";
  }
  // One process in the foreground, which needs no other user.
  std::ofstream(file) << "daemon off;\nmaster_process off;\npid " << (directory_ / "pid").string()
                      << ";\nevents {}\nhttp {\naccess_log off;\n"
                      << paths << http_configuration << "}\n";

  std::string program = "/usr/sbin/nginx";
  std::array<std::string, 4> options = {"-c", file, "-e", directory_ / "errors"};
  std::array<char*, 6> arguments = {program.data(),    options[0].data(), options[1].data(),
                                    options[2].data(), options[3].data(), nullptr};
  std::array<char*, 1> environment = {nullptr};
  const int error =
      posix_spawn(&pid_, program.c_str(), nullptr, nullptr, arguments.data(), environment.data());
  if (error != 0) throw std::system_error(error, std::generic_category(), program);
}

Nginx::~Nginx() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string Nginx::errors() const {
  std::ostringstream text;
  text << std::ifstream(directory_ / "errors").rdbuf();
  return text.str();
}

}  // namespace tests
