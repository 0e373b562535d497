#include "trainer/model_card.h"

#include <algorithm>
#include <set>
#include <vector>

#include "configs/base/atomic_file.h"
#include "configs/base/clock.h"
#include "configs/base/hash.h"
#include "configs/base/text.h"
#include "data/report/credits.h"

namespace atelier {
namespace {

int64_t pictures_seen(const Dataset& dataset) {
  const std::vector<uint32_t> uses = dataset.plan().uses();
  return std::count_if(uses.begin(), uses.end(), [](int64_t count) { return count > 0; });
}

std::string base_model(const RunOptions& run) {
  if (run.model.config) return "none: started from random weights";
  return std::filesystem::path(run.model.pretrained_model_name_or_path.value_or("")).filename().string();
}

std::string shares_table(const Dataset& dataset) {
  std::vector<int64_t> posts(kPersonClassCount), uses_of(kPersonClassCount);
  const std::vector<uint32_t> uses = dataset.plan().uses();
  const auto& rows = dataset.plan().strata().input().rows;
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto person = static_cast<size_t>(dataset.manifest().person(rows[i]).person_class);
    ++posts[person];
    uses_of[person] += uses[i];
  }
  std::string table = "| person class | pictures | uses |\n| --- | ---: | ---: |\n";
  for (size_t i = 0; i < posts.size(); ++i) {
    if (posts[i])
      table += text("| ", kPersonClassNames[i], " | ", grouped(posts[i]), " | ", grouped(uses_of[i]), " |\n");
  }
  return table;
}

}  // namespace

void write_model_card(const RunOptions& run, const Dataset& dataset, int64_t steps, int64_t trained_parameters) {
  const std::filesystem::path folder(run.output_dir);
  const std::string credits = credits_table(collect_credits(dataset, dataset.plan().uses()));
  write_file_atomically(folder / "credits.tsv", credits);

  const SourceSummary total = dataset.manifest().summary().total();
  std::string card =
      text("# ", run.output_name, "\n\nTrained with Atelier for ", grouped(steps), " steps; ",
           grouped(trained_parameters), " trained parameters.\n\n- base model: ", base_model(run),
           "\n- kind: ", run.network ? "adapters, " + network_summary(*run.network) : "all weights",
           "\n- seed: ", run.seed, "\n\n## Data\n\n");
  for (const SourceSummary& source : dataset.manifest().summary().sources) {
    card += text("- ", std::filesystem::path(source.path).filename().string(), " (", source.kind,
                 "): ", grouped(source.rows), " posts\n");
  }
  card += text("- pictures seen: ", grouped(pictures_seen(dataset)), " of ", grouped(dataset.manifest().size()),
               "\n- excluded because they sexualise minors: ", grouped(total.excluded_minors),
               "\n- left out because their artist opted out: ", grouped(dataset.selection().opted_out()),
               "\n- dataset hash: `", dataset.hash(),
               "`\n- manifest hash: `", dataset.manifest().summary().content_hash,
               "`\n- artists' credit list: `credits.tsv` (hash `", content_hash(credits),
               "`)\n- licence of the data: as its sources state it; check before publishing\n\n", shares_table(dataset),
               "\n## Recipe\n\nThe whole configuration stands in `config.yaml` beside this file.\n");
  write_file_atomically(folder / "MODEL_CARD.md", card);
}

std::map<std::string, std::string> product_metadata(const RunOptions& run, const Dataset& dataset, int64_t steps,
                                                    const std::string& prediction_type) {
  const std::string side = std::to_string(run.dataset.buckets.resolution);
  std::map<std::string, std::string> metadata = {
      {"format", "pt"},
      {"modelspec.sai_model_spec", "1.0.1"},
      {"modelspec.architecture", std::string("stable-diffusion-xl-v1-base") + (run.network ? "/lora" : "")},
      {"modelspec.implementation", "https://github.com/Stability-AI/generative-models"},
      {"modelspec.title", run.output_name},
      {"modelspec.resolution", side + "x" + side},
      {"modelspec.date", utc_now()},
      {"modelspec.prediction_type", prediction_type == "v_prediction" ? "v" : "epsilon"},
      {"ss_base_model_version", "sdxl_base_v1-0"},
      {"ss_output_name", run.output_name},
      {"ss_seed", std::to_string(run.seed)},
      {"ss_steps", std::to_string(steps)},
      {"ss_max_train_steps", std::to_string(steps)},
      {"ss_learning_rate", shortest(run.train.learning_rate)},
      {"ss_lr_scheduler", run.train.lr_scheduler},
      {"ss_optimizer", run.train.optimizer_type},
      {"ss_max_token_length", std::to_string(run.train.prompts.max_token_length)},
      {"ss_clip_skip", std::to_string(run.train.prompts.clip_skip)},
      {"ss_num_train_images", std::to_string(pictures_seen(dataset))},
      {"ss_v_parameterization", prediction_type == "v_prediction" ? "True" : "False"},
      {"atelier.dataset_hash", dataset.hash()},
  };
  if (run.network) metadata.merge(network_metadata(*run.network));
  return metadata;
}

}  // namespace atelier
