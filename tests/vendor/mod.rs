//! `pleach vendor` and `pleach publish chart`: the real program against servers on loopback, a real registry among them.

mod http;
mod place;
mod registry;
mod server;
