//! The one task that runs all controllers: it follows the store, queues keys, takes one step at a time.
//!
//! The order is that of the revisions, then of the controllers' place in the list, so that the same writes give the
//! same steps. Before every step the log is read to its end: a controller never acts on a world older than its own
//! last write, so that it needs no expectations as upstream's controllers do.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::queue::Queue;
use super::recorder::Recorder;
use super::{Attempt, Controller, Effect, Kinds, Note, Step, View, WorkKey, Writer};
use crate::controlplane::env::Env;
use crate::controlplane::status::Status;
use crate::controlplane::storage::{Change, ChangeType, Store};

/// How many changes are taken from the log at once.
const BATCH: usize = 1024;

/// How far the controllers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The revision up to which all changes have been looked at.
    pub revision: u64,
    /// Whether nothing is left to do now; keys may wait for their time.
    pub idle: bool,
    /// When the next waiting key is due.
    pub next_due: Option<Instant>,
}

/// Asks a running [`Scheduler`] how far it is.
#[derive(Debug, Clone)]
pub struct SchedulerHandle {
    store: Store,
    progress: watch::Receiver<Progress>,
}

impl SchedulerHandle {
    /// Returns how far the controllers are.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Waits until the controllers have looked at everything and have nothing left to do now.
    pub async fn idle(&mut self) -> Progress {
        let store = self.store.clone();
        let settled = self.progress.wait_for(|progress| progress.idle && progress.revision >= store.revision()).await;
        settled.map(|progress| *progress).unwrap_or(Progress { revision: 0, idle: true, next_due: None })
    }
}

/// Runs controllers.
pub struct Scheduler {
    view: View,
    controllers: Vec<Box<dyn Controller>>,
    writer: Arc<dyn Writer>,
    /// Keys by the place of their controller in the list.
    queue: Queue<(usize, WorkKey)>,
    recorder: Recorder,
    revision: u64,
    progress: watch::Sender<Progress>,
}

impl fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler").field("controllers", &self.controllers).finish_non_exhaustive()
    }
}

impl Scheduler {
    /// Returns a scheduler that runs the controllers over the store and writes through `writer`.
    pub fn new(
        store: Store,
        env: Env,
        kinds: Arc<dyn Kinds>,
        writer: Arc<dyn Writer>,
        controllers: Vec<Box<dyn Controller>>,
    ) -> Self {
        let progress = watch::Sender::new(Progress { revision: 0, idle: false, next_due: None });
        let view = View::new(store, env, kinds);
        Self {
            view,
            controllers,
            writer,
            queue: Queue::default(),
            recorder: Recorder::default(),
            revision: 0,
            progress,
        }
    }

    /// Returns a handle that tells how far the controllers are.
    pub fn handle(&self) -> SchedulerHandle {
        SchedulerHandle { store: self.view.store().clone(), progress: self.progress.subscribe() }
    }

    /// Runs for ever; stop it by dropping the future. A write that is under way is then either committed or not.
    pub async fn run(mut self) {
        let mut wake = self.view.store().subscribe();
        self.start();
        loop {
            self.work().await;
            let next_due = self.queue.next_due();
            let until_due = async {
                match next_due {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = wake.changed() => if changed.is_err() { return },
                () = until_due => {}
            }
        }
    }

    /// Takes steps until nothing is left to do now.
    async fn work(&mut self) {
        loop {
            self.follow();
            self.queue.promote(Instant::now());
            let Some((place, key)) = self.queue.pop() else { break };
            self.set_busy();
            self.step(place, key).await;
            // Writes are done at once, so that without this a long queue would keep requests from being served.
            tokio::task::yield_now().await;
        }
        let progress = Progress { revision: self.revision, idle: true, next_due: self.queue.next_due() };
        self.progress.send_if_modified(|current| std::mem::replace(current, progress) != progress);
    }

    fn set_busy(&self) {
        self.progress.send_if_modified(|current| std::mem::replace(&mut current.idle, false));
    }

    fn start(&mut self) {
        for (place, controller) in self.controllers.iter().enumerate() {
            for key in controller.start(&self.view) {
                self.queue.add((place, key));
            }
        }
        self.relist();
    }

    /// Reads the log to its end, or starts over from a list when the log has moved past.
    fn follow(&mut self) {
        loop {
            match self.view.store().merged_changes_after(self.revision, BATCH) {
                Ok(changes) if changes.is_empty() => return,
                Ok(changes) => changes.iter().for_each(|change| self.observe(change)),
                Err(_) => self.relist(),
            }
        }
    }

    /// Looks at every object as if it had just come.
    fn relist(&mut self) {
        let (revision, tables) = self.view.store().list_all();
        self.view.forget();
        for (resource, snapshot) in tables {
            for (key, object) in &snapshot.objects {
                self.observe(&Change {
                    change_type: ChangeType::Added,
                    resource: resource.clone(),
                    key: key.clone(),
                    object: object.clone(),
                    previous: None,
                });
            }
        }
        self.revision = revision;
    }

    fn observe(&mut self, change: &Change) {
        self.view.observe(change);
        for (place, controller) in self.controllers.iter().enumerate() {
            for key in controller.keys(&self.view, change) {
                self.queue.add((place, key));
            }
        }
        self.revision = change.object.revision;
    }

    async fn step(&mut self, place: usize, key: WorkKey) {
        let step = self.controllers[place].reconcile(&self.view, &key);
        let requeue_after = step.requeue_after;
        match self.perform(place, step).await {
            Ok(()) => self.queue.forget(&(place, key.clone())),
            Err(refusal) => {
                let (attempt, status) = *refusal;
                self.follow();
                let consolation = self.controllers[place].refused(&self.view, &key, &attempt, &status);
                // The key is tried again in any case, so that a second refusal needs no answer of its own.
                let _refused_again = self.perform(place, consolation).await;
                self.queue.add_rate_limited((place, key), Instant::now());
                return;
            }
        }
        if let Some(after) = requeue_after {
            self.queue.add_at((place, key), Instant::now() + after);
        }
    }

    /// Performs the effects of a step in order, up to the first write that is refused.
    async fn perform(&mut self, place: usize, step: Step) -> Result<(), Box<(Attempt, Status)>> {
        let actor = self.controllers[place].actor();
        for effect in step.effects {
            match effect {
                Effect::Event(note) => self.record(place, &note).await,
                Effect::Write(write) => {
                    let attempt = Attempt::of(&write);
                    if let Err(status) = self.writer.write(actor, write).await
                        && !is_done_already(&attempt, &status)
                    {
                        return Err(Box::new((attempt, status)));
                    }
                }
            }
        }
        Ok(())
    }

    async fn record(&mut self, place: usize, note: &Note) {
        let actor = self.controllers[place].actor();
        let Some(write) = self.recorder.record(&self.view.env, note) else { return };
        if self.writer.write(actor, write).await.is_err() {
            self.recorder.lost(note);
        }
    }
}

/// Whether a refusal says that the write is not needed any more: what should go is gone.
fn is_done_already(attempt: &Attempt, status: &Status) -> bool {
    attempt.verb == "delete" && status.code == 404
}
