#include "configs/base/foreign_file.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace atelier {
namespace {

using namespace std::string_view_literals;

constexpr size_t kLooksAt = 4096;

constexpr std::string_view kFetchAgain = "fetch the file again";
constexpr std::string_view kUnpack = "unpack it and give the .safetensors file or the folder inside";
constexpr std::string_view kPickle =
    "a PyTorch pickle (.ckpt, .pt, .bin), which can run any program when it is read, so it is not read here";
constexpr std::string_view kLeavePickle =
    "convert it where you trust it, in Python: sd = torch.load(FILE, weights_only=True, map_location='cpu'); "
    "safetensors.torch.save_file({k: v.contiguous() for k, v in sd.get('state_dict', sd).items()}, OUT)";

struct Magic {
  std::string_view bytes, what, hint;
};

// Zip, HTML and JSON need a second look and are not here.
constexpr std::array kMagics = {
    Magic{"\x80\x02"sv, kPickle, kLeavePickle},
    Magic{"\x80\x03"sv, kPickle, kLeavePickle},
    Magic{"\x80\x04\x95"sv, kPickle, kLeavePickle},
    Magic{"\x80\x05\x95"sv, kPickle, kLeavePickle},
    Magic{"GGUF"sv, "a GGUF file, the quantised format of llama.cpp and stable-diffusion.cpp",
          "fetch the model as .safetensors, in fp16, bf16 or fp32"},
    Magic{"version https://git-lfs.github.com/spec/"sv, "a Git LFS pointer: the model itself was not fetched",
          "run `git lfs pull` in that repository, or fetch the file by its link"},
    Magic{"\x89HDF\r\n\x1a\n"sv, "an HDF5 file (Keras)", "fetch the model as .safetensors"},
    Magic{"\x93NUMPY"sv, "a NumPy array", "save named arrays with safetensors.numpy.save_file"},
    Magic{"\x89PNG\r\n\x1a\n"sv, "a PNG picture", "give the model, not its preview"},
    Magic{"\xff\xd8\xff"sv, "a JPEG picture", "give the model, not its preview"},
    Magic{"\x1f\x8b"sv, "a gzip archive", kUnpack},
    Magic{"7z\xbc\xaf\x27\x1c"sv, "a 7-Zip archive", kUnpack},
    Magic{"Rar!\x1a\x07"sv, "a RAR archive", kUnpack},
    Magic{"\0\0\0\0\0\0\0\0"sv, "a file of zeros: an unfinished download", kFetchAgain},
};

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string_view without_leading_space(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

ForeignFile json_file(std::string_view head) {
  if (contains(head, "weight_map") || contains(head, "total_size")) {
    return {"the index of a model in several files", "give the folder that holds it"};
  }
  if (contains(head, "_class_name") || contains(head, "architectures")) {
    return {"the configuration of a model, without weights", "give the folder that holds it"};
  }
  return {"a JSON text, perhaps a server's error message", "look at it with a text editor"};
}

}  // namespace

std::optional<ForeignFile> foreign_file(std::span<const std::byte> bytes) {
  if (bytes.empty()) return ForeignFile{"an empty file", std::string(kFetchAgain)};
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kLooksAt));
  for (const Magic& magic : kMagics) {
    if (head.starts_with(magic.bytes)) return ForeignFile{std::string(magic.what), std::string(magic.hint)};
  }
  if (head.starts_with("PK\x03\x04")) {
    // torch.save writes a zip whose first member is NAME/data.pkl.
    if (contains(head, "data.pkl")) return ForeignFile{std::string(kPickle), std::string(kLeavePickle)};
    return ForeignFile{"a zip archive", std::string(kUnpack)};
  }
  const std::string_view text = without_leading_space(head);
  if (text.starts_with("<")) {
    return ForeignFile{"a web page: the server answered with a login or an error instead of the model",
                       "fetch the file again, signed in or with an access token"};
  }
  if (text.starts_with("{")) return json_file(text);
  return std::nullopt;
}

}  // namespace atelier
