//! scratch
#![allow(clippy::all, missing_docs)]
use pleach::tree::*;
fn walk(d:&std::path::Path, root:&std::path::Path, t:&mut Tree){ for e in std::fs::read_dir(d).unwrap(){ let e=e.unwrap().path(); let n=e.file_name().unwrap().to_str().unwrap().to_string(); if n.starts_with('.')||n=="target"||n=="src"||n=="golden" {continue} if e.is_dir(){walk(&e,root,t)} else { t.insert(TreePath::new(e.strip_prefix(root).unwrap().to_str().unwrap()).unwrap(), std::fs::read(&e).unwrap()); } } }
fn main(){ let a=std::env::args().nth(1).unwrap(); let root=std::path::PathBuf::from(a); let mut t=Tree::new(); walk(&root,&root,&mut t); let c=pleach::compile(&t,&pleach::Options::default()); for d in &c.diagnostics { println!("{:?}[{}] {} {:?} {:?} {:?}", d.severity,d.code,d.message,d.span.as_ref().map(|s|s.to_string()),d.help,d.related.iter().map(|r|(r.0.to_string(),&r.1)).collect::<Vec<_>>()); } if std::env::args().len()>2 {print!("{}", c.tree.to_text());} else {println!("{} files", c.tree.len())} }
