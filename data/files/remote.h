// s3:// through Arrow's file system. Seen only by data/files and by what needs Arrow's own files.
#pragma once

#include <memory>
#include <string>

namespace arrow::fs {
class FileSystem;
}
namespace arrow::io {
class RandomAccessFile;
}

namespace atelier {

/// A path as its file system knows it: "bucket/key".
struct RemotePath {
  std::shared_ptr<arrow::fs::FileSystem> system;
  std::string path;
};

/// Connections are kept and shared until close_remote(). ConfigError if there can be none.
RemotePath open_remote(const std::string& uri);

/// Closes the connections, if there are any; nothing remote may be opened afterwards. Programs call it before main
/// returns: Arrow's S3 crashes when it is shut down later.
void close_remote();

/// Local or remote, for Arrow's readers. ConfigError if it cannot be opened.
std::shared_ptr<arrow::io::RandomAccessFile> open_arrow_file(const std::string& path);

}  // namespace atelier
