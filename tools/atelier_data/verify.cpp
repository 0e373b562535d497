// atelier dataset verify: every picture decoded whole, and a list of those that are bad.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "configs/base/atomic_file.h"
#include "configs/base/error.h"
#include "configs/base/interrupt.h"
#include "configs/base/log.h"
#include "configs/base/progress.h"
#include "configs/base/text.h"
#include "configs/base/thread_pool.h"
#include "data/files/picture_bytes.h"
#include "data/image/decode.h"
#include "data/manifest/build.h"
#include "data/select/select.h"
#include "tools/atelier_data/verbs.h"
#include "trainer/options/run_options.h"

namespace atelier {
namespace {

struct VerifyArguments {
  std::string run, out;
  std::vector<std::string> overrides;
};

struct Fault {
  int64_t row;
  std::string reason, detail;
};

/// What is wrong with the picture of a row; nullopt: nothing.
std::optional<Fault> fault_of(const Manifest& manifest, int64_t row) {
  PictureBytes file;
  try {
    file = picture_bytes(std::string(manifest.path(row)), manifest.file_offset(row), manifest.file_size(row));
  } catch (const DataError& error) {
    return Fault{row, "picture_unreadable", error.summary()};
  }
  try {
    const Picture picture = decode_image(file.bytes());
    const std::array size = {picture.original_width, picture.original_height};
    if (size == std::array{manifest.width(row), manifest.height(row)}) return std::nullopt;
    return Fault{row, "picture_changed",
                 text("it has ", size[0], " x ", size[1], " px, in the manifest ", manifest.width(row), " x ",
                      manifest.height(row))};
  } catch (const DataError& error) {
    return Fault{row, "picture_corrupt", error.summary()};
  }
}

/// Of the selected rows, in their order.
std::vector<Fault> verify_pictures(const Manifest& manifest, const std::vector<int64_t>& rows) {
  std::vector<Fault> faults;
  std::mutex mutex;
  Progress progress("verify", std::ssize(rows), "pictures");
  parallel_for(std::ssize(rows), 0, [&](int64_t i) {
    check_interrupted();
    if (std::optional<Fault> fault = fault_of(manifest, rows[static_cast<size_t>(i)])) {
      const std::lock_guard lock(mutex);
      faults.push_back(std::move(*fault));
    }
    progress.advance();
  });
  std::ranges::sort(faults, {}, &Fault::row);
  return faults;
}

std::string fault_line(const Manifest& manifest, const Fault& fault) {
  const nlohmann::ordered_json line = {
      {"source", manifest.summary().sources[static_cast<size_t>(manifest.source(fault.row))].path},
      {"id", manifest.id(fault.row)},
      {"reason", fault.reason},
      {"detail", fault.detail},
      {"path", manifest.path(fault.row)}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void dataset_verify(const VerifyArguments& arguments) {
  const RunOptions run = read_run(arguments.run, arguments.overrides);
  const Manifest manifest = refresh_manifest(run.dataset.sources, manifest_dir(run), build_options(run.dataset));
  SelectOptions select = run.dataset.select;
  std::optional<AtomicFile> out;
  if (!arguments.out.empty()) {
    out.emplace(arguments.out);  // before the work: perhaps it cannot be written
    select.quarantine.reset();   // the new list takes the place of the old one: it must be whole
  }
  const std::vector<int64_t> rows = select_rows(manifest, select).rows;
  const std::vector<Fault> faults = verify_pictures(manifest, rows);
  std::string lines;
  std::map<std::string, int64_t> reasons;
  for (const Fault& fault : faults) {
    lines += fault_line(manifest, fault);
    ++reasons[fault.reason];
  }
  if (out) {
    out->write(lines);
    out->commit();
  } else {
    std::cout << lines << std::flush;
  }

  int64_t bad = 0;
  std::string summary;
  for (const auto& [reason, count] : reasons) {
    bad += count;
    summary += text(", ", reason, " ", grouped(count));
  }
  log_info(grouped(std::ssize(rows) - bad), " of ", grouped(std::ssize(rows)), " pictures are whole", summary);
  if (bad == 0) return;
  throw DataError(text(grouped(bad), " pictures are bad", summary), arguments.out,
                  arguments.out.empty() ? "repair or remove them; --out FILE makes a list for dataset.select.quarantine"
                                        : "repair or remove them, or leave them out: dataset.select.quarantine: FILE");
}

}  // namespace

Verb verb_verify() {
  return {"dataset verify", "decode every selected picture whole; lists the bad ones, exit code 3 if there are any",
          [](CLI::App& app) -> std::function<void()> {
            auto arguments = std::make_shared<VerifyArguments>();
            app.add_option("run", arguments->run, "the run's YAML")->required()->type_name("RUN");
            app.add_option("overrides", arguments->overrides, "key.path=value")->type_name("KEY=VALUE");
            app.add_option("--out", arguments->out,
                           "the list goes there, for dataset.select.quarantine; what is on that list now is decoded "
                           "again")
                ->type_name("FILE.jsonl");
            return [arguments] { dataset_verify(*arguments); };
          }};
}

}  // namespace atelier
