//! Runs a model under three schedulers and counts the schedules.

use shuttle::scheduler::{DfsScheduler, PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, MaxSteps, Runner};
use sv2_model::sync::{Threads, started, with_threads};

/// Explores one model after the other and says at the end how many schedules that took.
pub(crate) struct Explorer {
    name: &'static str,
    models: usize,
    schedules: usize,
}

impl Explorer {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, models: 0, schedules: 0 }
    }

    /// Runs `model` under `schedules` random schedules, and as many in which few switches are
    /// forced, each with `threads` at hand. No schedule may leave a thread.
    pub(crate) fn model(
        &mut self,
        schedules: usize,
        threads: impl Fn() -> Threads + Copy + Send + Sync + 'static,
        model: impl Fn() + Clone + Send + Sync + 'static,
    ) {
        // The seed is the model's number, so that a failure comes again.
        let seed = self.models as u64;
        let schedules = schedules * times();
        // The second scheduler refuses a model in which it has no choice at all.
        let model = move || {
            let bystander = shuttle::thread::spawn(|| ());
            model();
            bystander.join().expect("it does nothing");
        };
        self.run(RandomScheduler::new_from_seed(seed, schedules), threads, model.clone());
        self.run(PctScheduler::new_from_seed(seed, 3, schedules), threads, model);
        self.models += 1;
    }

    /// Runs `model` under every schedule there is, but no more than `most`. Says whether that were
    /// all.
    pub(crate) fn exhaust(
        &mut self,
        most: usize,
        threads: impl Fn() -> Threads + Copy + Send + Sync + 'static,
        model: impl Fn() + Send + Sync + 'static,
    ) -> bool {
        self.models += 1;
        let most = most * times();
        let run = self.run(DfsScheduler::new(Some(most), false), threads, model);
        run < most
    }

    fn run(
        &mut self,
        scheduler: impl Scheduler + 'static,
        threads: impl Fn() -> Threads + Send + Sync + 'static,
        model: impl Fn() + Send + Sync + 'static,
    ) -> usize {
        let mut config = Config::new();
        config.stack_size = 512 * 1024;
        config.max_steps = MaxSteps::FailAfter(100_000);
        config.silence_warnings = true;
        let run = Runner::new(scheduler, config).run(move || {
            let left = with_threads(threads(), || {
                model();
                started()
            });
            assert_eq!(left.live(), 0, "a thread is left");
        });
        self.schedules += run;
        run
    }
}

impl Drop for Explorer {
    #[expect(clippy::print_stdout, reason = "how far the search went")]
    fn drop(&mut self) {
        println!("{}: {} schedules of {} models", self.name, self.schedules, self.models);
    }
}

fn times() -> usize {
    let times = std::env::var("SV2_MODEL_TIMES").ok();
    times.map_or(1, |times| times.parse().expect("SV2_MODEL_TIMES is a number"))
}
