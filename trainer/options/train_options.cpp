#include "trainer/options/train_options.h"

namespace atelier {

void describe(Section& section, TrainOptions& options) {
  describe_batching(section, options.batching);
  section.field("learning_rate", options.learning_rate).range(0, 1e3).doc("Learning rate after warm-up.");
  section.field("unet_lr", options.unet_lr).range(0, 1e3).doc("The UNet's; null: learning_rate; 0 freezes it.");
  section.field("learning_rate_te1", options.learning_rate_te1)
      .range(0, 1e3)
      .doc("Text encoder 1's; null: learning_rate; 0 freezes it.");
  section.field("learning_rate_te2", options.learning_rate_te2)
      .range(0, 1e3)
      .doc("Text encoder 2's; null: learning_rate; 0 freezes it.");
  section.field("optimizer_type", options.optimizer_type).choices({"AdamW"}).doc("Optimizer.");
  section.field("adam_beta1", options.adam_beta1).range(0, 1).doc("Decay of the mean of gradients.");
  section.field("adam_beta2", options.adam_beta2).range(0, 1).doc("Decay of the mean of squared gradients.");
  section.field("adam_epsilon", options.adam_epsilon).range(0, 1).doc("Added to the denominator.");
  section.field("weight_decay", options.weight_decay).range(0, 10).doc("Decoupled weight decay.");
  section.field("lr_scheduler", options.lr_scheduler)
      .choices({"constant", "linear", "cosine"})
      .doc("Course of the learning rate after warm-up: kept, or down to 0 at the last step.");
  section.field("lr_warmup_steps", options.lr_warmup_steps)
      .at_least(0)
      .unit("steps")
      .doc("Steps in which the learning rate rises linearly from 0.");
  section.field("max_grad_norm", options.max_grad_norm)
      .range(0, 1e9)
      .doc("Gradients are scaled down to this L2 norm over all trained parameters; 0: no clipping.");
  section.field("masked_loss", options.masked_loss)
      .doc(
          "Multiply the squared error by the picture's mask (alpha, or a mask file), shrunk to the latents' size: "
          "where the mask is black nothing is learned.");
  describe_prompts(section, options.prompts);
  section.field("mixed_precision", options.mixed_precision)
      .choices({"no", "bf16"})
      .doc(
          "bf16: weights and activations of the forward pass in bfloat16, fp32 master weights and gradients. On a CPU "
          "fp32 is used, with a warning.");
  section.field("gradient_checkpointing", options.gradient_checkpointing)
      .doc(
          "Recompute the UNet's blocks, and the layers of text encoders that are trained, in the backward pass instead "
          "of keeping their activations.");
  section.field("fused_layers", options.fused_layers)
      .doc(
          "Keep only the inputs of norms and activations for the backward pass and make their outputs again there: "
          "less memory, no slower. false: the plain chain of operations, for comparison.");
  section.field("device", options.device).choices({"auto", "cpu", "cuda"}).doc("auto: cuda when there is one.");
  section.field("num_threads", options.num_threads)
      .range(0, 1024)
      .doc("CPU threads of a process; 0: its share of the cores.");
  section.field("deterministic", options.deterministic)
      .doc("Only algorithms that give the same bits every time (CUDA; the CPU always does).");
  section.field("bucket_cap_mb", options.bucket_cap_mb)
      .range(0.001, 4096)
      .unit("MiB")
      .doc("Gradients are reduced over processes in ranges of about this size while backward goes on.");
}

}  // namespace atelier
