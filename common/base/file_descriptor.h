// Owns a file descriptor.

#ifndef COMMON_BASE_FILE_DESCRIPTOR_H_
#define COMMON_BASE_FILE_DESCRIPTOR_H_

namespace common {

// Closes the descriptor at the end of its life, unless it is borrowed. Not thread-safe.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd = -1) : fd_(fd) {}
  static FileDescriptor borrow(int fd);
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  int get() const { return fd_; }

 private:
  int fd_;
  bool is_owned_ = true;
};

}  // namespace common

#endif  // COMMON_BASE_FILE_DESCRIPTOR_H_
