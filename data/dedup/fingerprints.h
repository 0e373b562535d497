// Fingerprints of the pictures of a manifest, kept beside it: pictures that are known are not read again.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "data/dedup/duplicates.h"
#include "data/manifest/manifest.h"

namespace atelier {

/// "fingerprints.arrow" beside the manifest's folder: OUTPUT_DIR/fingerprints.arrow of a run.
std::filesystem::path fingerprints_file(const std::filesystem::path& manifest_dir);

/// One a row of `rows`, in their order. What records say of md5 and pixel hash counts; `exact` reads only the files of
/// pictures of which neither is known, `near` decodes every picture. What is made is kept in `file`
/// (docs/formats/fingerprints.md), also when the work is interrupted, and holds as long as a picture's path, place,
/// size and time of change stay. Shows progress. Pictures that cannot be read or decoded are counted, and look like
/// nothing. Processes that share the file take turns.
std::vector<Fingerprint> refresh_fingerprints(const Manifest& manifest, std::span<const int64_t> rows,
                                              const DedupOptions& options, const std::filesystem::path& file);

/// `rows` with the best of duplicates first: not deleted, more pixels, more bytes a pixel, higher score, PNG, older
/// date, earlier row.
std::vector<int64_t> by_preference(const Manifest& manifest, std::span<const int64_t> rows);

}  // namespace atelier
