//! What the proof at [`Stage::new`](super::stage::Stage::new) says of loops and divisions, checked on naga's module.

use naga::{
    BinaryOperator, Binding, Block, BuiltIn, Expression, Function, Handle, Literal, LocalVariable, Module, Statement,
};

/// Checks that every loop ends and that nothing is divided by 0:
///
/// - a loop goes on while a variable of its own is below a constant, and adds to it a constant that is not 0, or the number of
///   subgroups, which is at least 1; nothing else writes the variable;
/// - the divisor of every division and remainder is a constant that is not 0.
///
/// # Errors
/// What does not hold.
pub(super) fn check(module: &Module) -> Result<(), String> {
    let entry_points = module.entry_points.iter().map(|entry| &entry.function);
    for function in module.functions.iter().map(|(_, function)| function).chain(entry_points) {
        let function = Proof { module, function };
        for (_, expression) in function.function.expressions.iter() {
            if let &Expression::Binary { op: BinaryOperator::Divide | BinaryOperator::Modulo, right, .. } = expression
                && !function.is_positive(right)
            {
                return Err(format!("a division by {:?}", function.function.expressions[right]));
            }
        }
        function.loops_end(&function.function.body)?;
    }
    Ok(())
}

/// What is known of one function.
struct Proof<'a> {
    module: &'a Module,
    function: &'a Function,
}

impl Proof<'_> {
    /// The literal that an expression is, if it is constant.
    fn constant(&self, expression: Handle<Expression>) -> Option<Literal> {
        match self.function.expressions[expression] {
            Expression::Literal(literal) => Some(literal),
            Expression::Splat { value, .. } => self.constant(value),
            Expression::Constant(constant) => {
                match self.module.global_expressions[self.module.constants[constant].init] {
                    Expression::Literal(literal) => Some(literal),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whether it is a constant above 0.
    fn is_positive(&self, expression: Handle<Expression>) -> bool {
        match self.constant(expression) {
            Some(Literal::U32(value)) => value > 0,
            Some(Literal::I32(value)) => value > 0,
            _ => false,
        }
    }

    /// Whether it is how many subgroups there are.
    fn is_number_of_subgroups(&self, expression: Handle<Expression>) -> bool {
        let Expression::FunctionArgument(index) = self.function.expressions[expression] else { return false };
        let binding = &self.function.arguments[index as usize].binding;
        *binding == Some(Binding::BuiltIn(BuiltIn::NumSubgroups))
    }

    /// The variable that a pointer is, or that an expression loads.
    fn variable(&self, expression: Handle<Expression>) -> Option<Handle<LocalVariable>> {
        match self.function.expressions[expression] {
            Expression::LocalVariable(variable) => Some(variable),
            Expression::Load { pointer } => self.variable(pointer),
            _ => None,
        }
    }

    fn loops_end(&self, block: &Block) -> Result<(), String> {
        for statement in block {
            match statement {
                Statement::Loop { body, continuing, .. } => {
                    self.ends(body, continuing)?;
                    self.loops_end(body)?;
                }
                Statement::Block(block) => self.loops_end(block)?,
                Statement::If { accept, reject, .. } => {
                    self.loops_end(accept)?;
                    self.loops_end(reject)?;
                }
                Statement::Switch { cases, .. } => cases.iter().try_for_each(|case| self.loops_end(&case.body))?,
                _ => {}
            }
        }
        Ok(())
    }

    /// One loop: `for (var v = …; v < constant; v += step)`.
    fn ends(&self, body: &Block, continuing: &Block) -> Result<(), String> {
        let acts = |block: &'_ Block| {
            block.iter().filter(|act| !matches!(act, Statement::Emit(_))).cloned().collect::<Vec<_>>()
        };
        let acts_of_body = acts(body);
        let Some(Statement::If { condition, accept, reject }) = acts_of_body.first() else {
            return Err("a loop that does not begin with its condition".to_owned());
        };
        if !accept.is_empty() || !matches!(&acts(reject)[..], [Statement::Break]) {
            return Err("a loop that does not end where its condition does not hold".to_owned());
        }
        let Expression::Binary { op: BinaryOperator::Less, left, right } = self.function.expressions[*condition] else {
            return Err("a loop that is not bounded from above".to_owned());
        };
        let (Some(variable), Some(_)) = (self.variable(left), self.constant(right)) else {
            return Err("a loop that is not bounded by a constant".to_owned());
        };
        let acts_of_continuing = acts(continuing);
        let [Statement::Store { pointer, value }] = acts_of_continuing[..] else {
            return Err("a loop that does more than a step".to_owned());
        };
        let Expression::Binary { op: BinaryOperator::Add, left, right } = self.function.expressions[value] else {
            return Err("a loop that does not count up".to_owned());
        };
        let counts = [self.variable(pointer), self.variable(left)] == [Some(variable); 2];
        if !counts || !(self.is_positive(right) || self.is_number_of_subgroups(right)) {
            return Err("a loop whose step may be 0".to_owned());
        }
        if self.writes(body, variable) { Err("a loop whose variable is written in it".to_owned()) } else { Ok(()) }
    }

    fn writes(&self, block: &Block, variable: Handle<LocalVariable>) -> bool {
        block.iter().any(|statement| match statement {
            Statement::Store { pointer, .. } => self.variable(*pointer) == Some(variable),
            Statement::Loop { body, continuing, .. } => {
                self.writes(body, variable) || self.writes(continuing, variable)
            }
            Statement::Block(block) => self.writes(block, variable),
            Statement::If { accept, reject, .. } => self.writes(accept, variable) || self.writes(reject, variable),
            Statement::Switch { cases, .. } => cases.iter().any(|case| self.writes(&case.body, variable)),
            _ => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check of a function's body, where `n` is an argument.
    fn outcome(body: &str) -> Result<(), String> {
        let text = format!("const FOUR = 4u;\nfn f(n: u32) -> u32 {{ var sum = 0u; {body} return sum; }}");
        check(&naga::front::wgsl::parse_str(&text).unwrap())
    }

    #[test]
    fn loops_that_may_not_end_and_divisions_by_0_are_found() {
        for right in [
            "for (var i = n; i < FOUR; i++) { sum += i; }",
            "for (var i = 0u; i < 2u * FOUR; i += FOUR) { for (var k = 0u; k < 3u; k++) { sum += n / 3u % FOUR; } }",
        ] {
            assert_eq!(outcome(right), Ok(()), "{right}");
        }
        for wrong in [
            "for (var i = 0u; i < n; i++) { sum += i; }",
            "for (var i = 0u; i < FOUR; i += n) { sum += i; }",
            "for (var i = 0u; i < FOUR; i++) { i = 0u; }",
            "for (var i = 0u; i < FOUR; i++) { for (var k = 0u; k < n; k++) { sum += 1u; } }",
            "for (var i = 9u; i > 4u; i--) { sum += i; }",
            "loop { sum += 1u; }",
            "if (n > 3u) { while (sum < n) { sum += 1u; } }",
            "sum = 7u / n;",
            "sum = 7u % (n + 1u);",
        ] {
            assert!(outcome(wrong).is_err(), "{wrong}");
        }
    }
}
