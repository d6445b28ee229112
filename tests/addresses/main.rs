//! Which of its host's addresses a node publishes, and that it follows them. Each test runs in a network
//! of its own.

mod choice;
mod follow;
mod refused;
mod scene;
mod twins;
