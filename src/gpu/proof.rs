//! What is said of loops and divisions where shaders are compiled without run-time checks, proved on naga's module.

use naga::{
    BinaryOperator, Binding, Block, BuiltIn, Expression, Function, Handle, Literal, LocalVariable, Module, Statement,
};

/// Checks that every loop ends and that nothing is divided by 0:
///
/// - a loop goes on while a variable of its own is below a constant, and adds to it a constant that is not 0, or the number of
///   subgroups, which is at least 1; the sum never wraps, and nothing else in the loop can write the variable;
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
                && function.constant(right).is_none_or(|divisor| divisor <= 0)
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
    fn literal(&self, expression: Handle<Expression>) -> Option<Literal> {
        match self.function.expressions[expression] {
            Expression::Literal(literal) => Some(literal),
            Expression::Splat { value, .. } => self.literal(value),
            Expression::Constant(constant) => {
                match self.module.global_expressions[self.module.constants[constant].init] {
                    Expression::Literal(literal) => Some(literal),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The integer of 32 bits that an expression is, if it is constant.
    fn constant(&self, expression: Handle<Expression>) -> Option<i64> {
        match self.literal(expression) {
            Some(Literal::U32(value)) => Some(value.into()),
            Some(Literal::I32(value)) => Some(value.into()),
            _ => None,
        }
    }

    /// The largest value of a constant's type.
    fn largest(&self, expression: Handle<Expression>) -> i64 {
        match self.literal(expression) {
            Some(Literal::U32(_)) => u32::MAX.into(),
            _ => i32::MAX.into(),
        }
    }

    /// The most by which a step may be that is surely above 0: a constant, or the number of subgroups.
    fn largest_step(&self, step: Handle<Expression>) -> Option<i64> {
        if self.is_number_of_subgroups(step) {
            // A workgroup has no more subgroups than invocations.
            let invocations = self.module.entry_points.iter().map(|entry| entry.workgroup_size);
            return invocations.map(|size| size.into_iter().map(i64::from).product()).max();
        }
        self.constant(step).filter(|&step| step > 0)
    }

    /// Whether it is how many subgroups there are.
    fn is_number_of_subgroups(&self, expression: Handle<Expression>) -> bool {
        let Expression::FunctionArgument(index) = self.function.expressions[expression] else { return false };
        let binding = &self.function.arguments[index as usize].binding;
        *binding == Some(Binding::BuiltIn(BuiltIn::NumSubgroups))
    }

    /// The variable that a pointer is to.
    fn pointee(&self, expression: Handle<Expression>) -> Option<Handle<LocalVariable>> {
        match self.function.expressions[expression] {
            Expression::LocalVariable(variable) => Some(variable),
            _ => None,
        }
    }

    /// The variable that an expression loads within `block`, and not before.
    fn loaded(&self, expression: Handle<Expression>, block: &Block) -> Option<Handle<LocalVariable>> {
        let Expression::Load { pointer } = self.function.expressions[expression] else { return None };
        let is_emitted = |act: &Statement| match act {
            Statement::Emit(range) => range.clone().any(|emitted| emitted == expression),
            _ => false,
        };
        block.iter().any(is_emitted).then(|| self.pointee(pointer)).flatten()
    }

    fn loops_end(&self, block: &Block) -> Result<(), String> {
        for statement in block {
            match statement {
                Statement::Loop { body, continuing, .. } => {
                    self.ends(body, continuing)?;
                    self.loops_end(body)?;
                    self.loops_end(continuing)?;
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
        let (Some(variable), Some(bound)) = (self.loaded(left, body), self.constant(right)) else {
            return Err("a loop that is not bounded by a constant".to_owned());
        };
        let acts_of_continuing = acts(continuing);
        let [Statement::Store { pointer, value }] = acts_of_continuing[..] else {
            return Err("a loop that does more than a step".to_owned());
        };
        let Expression::Binary { op: BinaryOperator::Add, left, right: step } = self.function.expressions[value] else {
            return Err("a loop that does not count up".to_owned());
        };
        if [self.pointee(pointer), self.loaded(left, continuing)] != [Some(variable); 2] {
            return Err("a loop that steps by something else than its variable".to_owned());
        }
        let Some(largest_step) = self.largest_step(step) else {
            return Err("a loop whose step may be 0".to_owned());
        };
        // The last step begins below the bound.
        if bound - 1 + largest_step > self.largest(right) {
            return Err("a loop whose variable may wrap".to_owned());
        }
        if self.may_write(body, variable) { Err("a loop whose variable is written in it".to_owned()) } else { Ok(()) }
    }

    /// Whether a block may write a variable: by itself, or by what it hands a pointer to.
    fn may_write(&self, block: &Block, variable: Handle<LocalVariable>) -> bool {
        let is_it = |pointer: &Handle<Expression>| self.pointee(*pointer) == Some(variable);
        block.iter().any(|statement| match statement {
            Statement::Store { pointer, .. } => is_it(pointer),
            Statement::Call { arguments, .. } => arguments.iter().any(is_it),
            Statement::Loop { body, continuing, .. } => {
                self.may_write(body, variable) || self.may_write(continuing, variable)
            }
            Statement::Block(block) => self.may_write(block, variable),
            Statement::If { accept, reject, .. } => {
                self.may_write(accept, variable) || self.may_write(reject, variable)
            }
            Statement::Switch { cases, .. } => cases.iter().any(|case| self.may_write(&case.body, variable)),
            Statement::CooperativeStore { data, .. } => is_it(&data.pointer),
            Statement::Emit(_)
            | Statement::Break
            | Statement::Continue
            | Statement::Return { .. }
            | Statement::Kill
            | Statement::ControlBarrier(_)
            | Statement::MemoryBarrier(_) => false,
            // Atomics, queries and what naga may learn: no kernel has them.
            _ => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check of a function's body, where `n` is an argument.
    fn outcome(body: &str) -> Result<(), String> {
        let text = format!(
            "const FOUR = 4u;
             fn clear(p: ptr<function, u32>) {{ *p = 0u; }}
             fn f(n: u32) -> u32 {{ var sum = 0u; {body} return sum; }}"
        );
        check(&naga::front::wgsl::parse_str(&text).unwrap())
    }

    #[test]
    fn loops_that_may_not_end_and_divisions_by_0_are_found() {
        for right in [
            "for (var i = n; i < FOUR; i++) { sum += i; }",
            "for (var i = 0u; i < 2u * FOUR; i += FOUR) { for (var k = 0u; k < 3u; k++) { sum += n / 3u % FOUR; } }",
            "for (var i = 0u; i < 4294967292u; i += FOUR) { sum += i; }",
            "for (var i = -3; i < 2147483647; i++) { sum += u32(i); }",
            "for (var i = 0u; i < FOUR; i++) { clear(&sum); if (sum == n) { break; } if (n == 3u) { continue; } }",
        ] {
            assert_eq!(outcome(right), Ok(()), "{right}");
        }
        for (wrong, expected) in [
            ("for (var i = 0u; i < n; i++) { sum += i; }", "not bounded by a constant"),
            ("for (var i = 0u; i < FOUR; i += n) { sum += i; }", "step may be 0"),
            ("for (var i = 0u; i < FOUR; i++) { i = 0u; }", "is written in it"),
            ("for (var i = 0u; i < FOUR; i++) { if (n > 2u) { i -= 1u; } }", "is written in it"),
            ("for (var i = 0u; i < FOUR; i++) { clear(&i); }", "is written in it"),
            ("for (var i = 0u; i < FOUR; i++) { let p = &i; *p = 0u; }", "is written in it"),
            ("for (var i = 0u; i < FOUR; i++) { for (var k = 0u; k < n; k++) { sum += 1u; } }", "not bounded"),
            ("for (var i = 0u; i < FOUR; i++) { for (; i < FOUR; i++) { sum += 1u; } }", "is written in it"),
            ("for (var i = 9u; i > 4u; i--) { sum += i; }", "not bounded from above"),
            // The step from 4294967292 is to 0, that from 2147483646 to the least integer.
            ("for (var i = 0u; i < 4294967293u; i += FOUR) { sum += i; }", "may wrap"),
            ("for (var i = 0; i < 2147483647; i += 2) { sum += u32(i); }", "may wrap"),
            ("var i = 0u; let first = i; for (; i < FOUR; i = first + 1u) { sum += i; }", "something else"),
            ("var i = 0u; let first = i; for (; first < FOUR; i++) { sum += i; }", "not bounded by a constant"),
            ("loop { sum += 1u; }", "condition"),
            ("if (n > 3u) { while (sum < n) { sum += 1u; } }", ""),
            ("sum = 7u / n;", "a division"),
            ("sum = 7u % (n + 1u);", "a division"),
        ] {
            let error = outcome(wrong).expect_err(wrong);
            assert!(error.contains(expected), "{wrong}: {error}");
        }
    }

    #[test]
    fn the_number_of_subgroups_is_a_step_that_may_wrap() {
        let outcome = |bound: u32| {
            let text = format!(
                "@compute @workgroup_size(64) fn f(@builtin(num_subgroups) step: u32) {{
                     for (var i = 0u; i < {bound}u; i += step) {{ }}
                 }}"
            );
            check(&naga::front::wgsl::parse_str(&text).unwrap())
        };
        assert_eq!(outcome(u32::MAX - 63), Ok(()));
        assert!(outcome(u32::MAX - 62).is_err());
    }
}
