// Arrow IPC files as the manifest uses them: written batch by batch, read by mapping.
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

namespace arrow {
class RecordBatch;
class Schema;
namespace io {
class OutputStream;
}
namespace ipc {
class RecordBatchWriter;
}
}  // namespace arrow

namespace atelier {

/// Errors: MachineError on a full disk, ConfigError where nothing can be written.
class ArrowFileWriter {
 public:
  ArrowFileWriter(std::filesystem::path path, const std::shared_ptr<arrow::Schema>& schema);
  ~ArrowFileWriter();
  void write(const arrow::RecordBatch& batch);
  void close();

 private:
  std::filesystem::path path_;
  std::shared_ptr<arrow::io::OutputStream> file_;
  std::shared_ptr<arrow::ipc::RecordBatchWriter> writer_;
};

/// The batches of a mapped file. DataError if it is damaged or has other columns than `schema`.
std::vector<std::shared_ptr<arrow::RecordBatch>> map_arrow_file(const std::filesystem::path& path,
                                                                const std::shared_ptr<arrow::Schema>& schema);

}  // namespace atelier
