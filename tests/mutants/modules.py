"""The modules that make numbers and keep results, and the tests that are to notice faults in them."""

from __future__ import annotations

from pathlib import Path

MODULES: dict[str, str] = {
    "engine/optimizer.py": "tests/engine/test_optimizer.py",
    "engine/weights.py cells/initial.py": (
        "tests/engine/test_weights.py tests/engine/test_initial_weights.py tests/engine/test_formulas.py "
        "tests/engine/test_input_scale.py tests/engine/test_engine.py"
    ),
    "engine/blocks.py": "tests/engine/test_blocks.py tests/engine/test_embedding.py tests/engine/test_input_scale.py",
    "engine/dropout.py": "tests/engine/test_dropout.py",
    "engine/truncation.py": "tests/engine/test_truncation.py",
    "engine/gradient_penalty.py": "tests/engine/test_gradient_penalty.py",
    "engine/orthogonal_penalty.py": "tests/engine/test_orthogonal_penalty.py",
    "engine/network.py engine/forward.py": (
        "tests/engine/test_engine.py tests/engine/test_tokens.py tests/engine/test_blocks.py "
        "tests/engine/test_dropout.py tests/engine/test_lengths.py"
    ),
    "engine/threads.py": "tests/engine/test_threads.py",
    "engine/scan/graphed.py": "tests/engine/test_graphed.py tests/engine/test_tokens.py",
    "engine/scan/choice.py": "tests/engine/test_graphed.py tests/engine/test_compiler.py",
    "engine/scan/ca*.py engine/scan/compile*.py engine/scan/source.py": (
        "tests/engine/test_formulas.py tests/engine/test_compiled.py tests/engine/test_compiler.py "
        "tests/engine/test_threads.py"
    ),
    "engine/scan/step*.py": "tests/engine/test_stepwise.py tests/engine/test_lengths.py tests/engine/test_tokens.py",
    "engine/scan/interface.py": "tests/engine/test_interface.py tests/engine/test_norm.py tests/engine/test_engine.py",
    "engine/scan/[dfnp]*.py engine/scan/schedule.py": (
        "tests/engine/test_formulas.py tests/engine/test_steps.py tests/engine/test_schedule.py"
    ),
    "engine/scan/*.py": (
        "tests/engine/test_engine.py tests/engine/test_formulas.py tests/engine/test_tokens.py "
        "tests/engine/test_lengths.py"
    ),
    "cells/gating.py": "tests/cells/gated/test_gate_init.py",
    "cells/base.py": "tests/cells/test_base.py tests/engine/test_weights.py",
    "cells/functions.py": "tests/cells/test_functions.py",
    "cells/module.py cells/_[feot]*.py": "tests/cells/test_module.py tests/cells/test_equations.py",
    "training/generalization.py measure/generalization.py": "tests/training/test_generalization.py",
    "tasks/curriculum.py settings/lengths.py": (
        "tests/training/test_curriculum.py tests/training/test_generalization.py"
    ),
    "training/me[am]*.py": "tests/training/test_measuring.py tests/training/test_memory_of_a_pack.py",
    "base/gpus.py": "tests/base/test_gpus.py",
    "training/pack.py": (
        "tests/training/test_training.py tests/training/test_windows.py tests/training/test_checkpoint.py "
        "tests/tasks/test_streams.py tests/training/test_run.py tests/training/test_penalties.py"
    ),
    "training/rec*.py training/rows.py": "tests/training/test_record.py",
    "training/gradient.py": (
        "tests/training/test_overflow.py tests/training/test_lengths.py tests/training/test_training.py"
    ),
    "training/penalties.py": "tests/training/test_penalties.py",
    "training/schedule.py": "tests/training/test_schedule.py",
    "training/checkpoint.py training/keeping.py": "tests/training/test_checkpoint.py tests/training/test_keeping.py",
    "training/stopping.py": "tests/training/test_stopping.py",
    "measure/flow.py": "tests/measure/test_gradient_flow.py",
    "measure/one_thread.py": "tests/measure/test_one_thread.py",
    "measure/vectors.py": "tests/probes/test_jacobian.py tests/probes/test_weight_gradient.py",
    "measure/moment.py": (
        "tests/probes/test_every_state.py tests/probes/test_jacobian.py tests/probes/test_lengths.py "
        "tests/probes/test_log_gradient.py tests/probes/test_memory.py tests/probes/test_options.py"
    ),
    "probes/*.py measure/[abcdlps]*.py": "tests/probes tests/testing/test_probe.py",
    "measure/*.py": (
        "tests/measure/test_measurement.py tests/measure/test_generation.py tests/measure/test_evaluation.py "
        "tests/measure/test_transport.py"
    ),
    "analysis/claims.py analysis/accuracy.py": "tests/analysis/test_claims.py",
    "analysis/*famil*.py analysis/cell_table.py": "tests/analysis/test_families.py tests/analysis/test_runs.py",
    "analysis/about_lengths.py": "tests/analysis/test_lengths.py",
    "analysis/ranks.py": "tests/analysis/test_ranks.py",
    "analysis/comparison.py analysis/about_comparison.py analysis/matching.py analysis/measures.py": (
        "tests/analysis/test_comparison.py"
    ),
    "analysis/differences.py": "tests/analysis/test_differences.py",
    "analysis/headline.py analysis/key_findings.py": "tests/analysis/test_headline.py",
    "analysis/*.py": (
        "tests/analysis/test_aggregation.py tests/analysis/test_sentences.py tests/analysis/test_conditions.py "
        "tests/analysis/test_runs.py"
    ),
    "tasks/lengths.py": "tests/tasks/test_lengths.py tests/training/test_lengths.py",
    "tasks/distractors.py": "tests/tasks/test_distractors.py",
    "tasks/*.py": "tests/tasks",
    "datasets/memoryless.py": "tests/datasets/test_memoryless.py",
    "datasets/own_*.py": (
        "tests/datasets/test_wrong_files.py tests/datasets/test_formats.py tests/experiments/test_dataset.py"
    ),
    "datasets/midi.py datasets/text.py": "tests/experiments/test_compose.py tests/experiments/test_write_text.py",
    "datasets/*.py": "tests/datasets tests/experiments/test_dataset.py tests/tasks/test_data.py",
    "tables/*.py": "tests/tables",
    "settings/members.py": "tests/settings tests/sweeping/test_packing.py",
    "settings/settings.py": "tests/settings tests/training/test_curriculum.py tests/engine/test_input_scale.py",
    "settings/*.py": "tests/settings tests/engine/test_input_scale.py",
    "plugins/fingerprint.py": "tests/plugins/test_classes.py",
    "plugins/*.py": "tests/plugins",
    "testing/cell.py": "tests/testing/test_cell.py",
    "testing/experiment.py": "tests/testing/test_experiment.py",
    "testing/figure.py": "tests/testing/test_figure.py",
    "testing/probe.py": "tests/testing/test_probe.py",
    "testing/*.py": "tests/testing",
    "sweeping/plan.py": "tests/sweeping/test_sweep_plan.py",
    "sweeping/launching.py": "tests/sweeping/test_launching.py",
    "sweeping/packing.py sweeping/jobs.py": "tests/sweeping/test_packing.py tests/sweeping/test_jobs.py",
    "sweeping/changed.py": "tests/sweeping/test_changed.py",
    "sweeping/provenance.py": "tests/sweeping/test_provenance.py",
    "sweeping/pruning.py": "tests/sweeping/test_pruning.py",
    "sweeping/progress.py sweeping/watch.py": "tests/sweeping/test_progress.py",
    "sweeping/worker.py": "tests/sweeping/test_worker.py tests/sweeping/test_launching.py",
    "sweeping/lock.py sweeping/sitting.py": "tests/sweeping/test_sitting.py",
    "sweeping/*.py": "tests/sweeping",
    "theory/*.py": "tests/theory",
    "trackers/following.py": "tests/trackers/test_following.py tests/trackers/test_trackers.py",
    "trackers/*.py": "tests/trackers",
    "command_line/sweeper.py": "tests/command_line/test_sweeper.py tests/command_line/launchers/test_gpus.py",
    "command_line/search/sweeper.py": "tests/command_line/test_searching.py",
    "command_line/search/*.py": "tests/command_line/test_search.py tests/command_line/test_study.py",
    "figures/drawing/rows.py figures/drawing/scales.py": (
        "tests/figures/test_numbers.py tests/figures/test_gradients.py"
    ),
    "api/words.py": "tests/api/test_words.py",
    "api/[npw]*.py": "tests/api/test_networks.py tests/api/test_watching.py",
    "api/results.py": "tests/api/test_results.py tests/api/test_examples.py",
    "api/sweeping.py": "tests/api/test_sweeping.py tests/api/test_examples.py",
    "api/*.py": "tests/api",
}
"""Modules of ``harness/`` by patterns, of which the first that fits one counts, and the tests that run with faults in
them; those marked slow are left out."""


def chosen(wanted: list[str]) -> list[tuple[list[Path], list[str]]]:
    """Groups of modules with their tests: all, or those whose path holds one of these words."""
    found, seen = [], {Path()}
    for patterns, tests in MODULES.items():
        paths = [path for pattern in patterns.split() for path in sorted(Path("harness").glob(pattern))]
        paths = [path for path in paths if not wanted or any(word in str(path) for word in wanted)]
        paths = [path for path in paths if path.name != "__init__.py" and path not in seen]
        seen.update(paths)
        if paths:
            found.append((paths, tests.split()))
    return found
