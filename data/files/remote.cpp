#include "data/files/remote.h"

#include <arrow/filesystem/filesystem.h>
#include <arrow/io/file.h>
#include <arrow/io/interfaces.h>
#include <arrow/util/config.h>

#include <map>
#include <mutex>
#include <utility>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"

namespace atelier {
namespace {

constexpr std::string_view kScheme = "s3://";

/// Arrow keeps S3 in a library of its own.
class Connections {
 public:
  Connections() {
    // Whether this Arrow has S3 inside, in a library beside it, or not at all shows when it is asked for.
    const std::string library = text("libarrow_s3.so.", ARROW_VERSION_MAJOR * 100 + ARROW_VERSION_MINOR);
    (void)arrow::fs::LoadFileSystemFactories(library.c_str());
  }
  ~Connections() {
    systems_.clear();
    arrow::fs::EnsureFinalized();
  }

  std::shared_ptr<arrow::fs::FileSystem> system(const std::string& root) {
    auto& system = systems_[root];
    if (!system) system = connect(root);
    return system;
  }

 private:
  static std::shared_ptr<arrow::fs::FileSystem> connect(const std::string& root) {
    auto system = arrow::fs::FileSystemFromUri(root);
    if (system.ok()) return *system;
    throw ConfigError("cannot reach the store: " + system.status().message(), root,
                      "check the bucket, AWS_REGION, AWS_ENDPOINT_URL and the credentials");
  }

  std::map<std::string, std::shared_ptr<arrow::fs::FileSystem>> systems_;
};

std::mutex connections_mutex;
/// Never destroyed on its own: when a program's statics go, Arrow's own may be gone already, and S3 crashes.
Connections* connections = nullptr;

std::shared_ptr<arrow::fs::FileSystem> connected(const std::string& root) {
  const std::lock_guard lock(connections_mutex);
  if (!connections) connections = new Connections;
  return connections->system(root);
}

}  // namespace

void close_remote() {
  const std::lock_guard lock(connections_mutex);
  delete std::exchange(connections, nullptr);
}

RemotePath open_remote(const std::string& uri) {
  const size_t query = std::min(uri.rfind('?'), uri.size());
  const std::string path = uri.substr(kScheme.size(), query - kScheme.size());
  const std::string bucket = path.substr(0, path.find('/'));
  if (bucket.empty()) throw ConfigError("a store without a bucket", uri, "write s3://bucket/key");
  return {connected(std::string(kScheme) + bucket + uri.substr(query)), path};
}

std::shared_ptr<arrow::io::RandomAccessFile> open_arrow_file(const std::string& path) {
  const auto opened = [&](auto file) -> std::shared_ptr<arrow::io::RandomAccessFile> {
    if (file.ok()) return *file;
    throw ConfigError("cannot open: " + file.status().message(), path);
  };
  if (!is_remote(path)) return opened(arrow::io::ReadableFile::Open(path));
  const RemotePath remote = open_remote(path);
  return opened(remote.system->OpenInputFile(remote.path));
}

}  // namespace atelier
