#include "common/storage/network_file_system.h"

#include <gtest/gtest.h>
#include <linux/magic.h>

#include "tests/support/temporary_directory.h"

namespace common {
namespace {

TEST(NetworkFileSystem, IsKnownByItsType) {
  EXPECT_EQ(network_file_system(NFS_SUPER_MAGIC), "nfs");
  EXPECT_EQ(network_file_system(SMB_SUPER_MAGIC), "smb");
  EXPECT_EQ(network_file_system(0xFF534D42U), "smb");  // CIFS, as Azure Files
  EXPECT_EQ(network_file_system(V9FS_MAGIC), "9p");
  EXPECT_EQ(network_file_system(EXT4_SUPER_MAGIC), std::nullopt);
  EXPECT_EQ(network_file_system(XFS_SUPER_MAGIC), std::nullopt);
  EXPECT_EQ(network_file_system(OVERLAYFS_SUPER_MAGIC), std::nullopt);
  EXPECT_EQ(network_file_system(TMPFS_MAGIC), std::nullopt);
}

TEST(NetworkFileSystem, OfALocalFileOrNoneIsNone) {
  const tests::TemporaryDirectory directory;
  EXPECT_EQ(network_file_system(directory / "."), std::nullopt);
  EXPECT_EQ(network_file_system(directory / "none"), std::nullopt);
}

}  // namespace
}  // namespace common
