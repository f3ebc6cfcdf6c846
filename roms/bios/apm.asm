; INT 15h AH=53h: Advanced Power Management 1.2, by interrupt and by its protected-mode entries.
; Spec: APM BIOS interface specification 1.2, section 4. Idle, off and what has to be answered; the
; rest of power management is ACPI's.
; Not here: standby and suspend (accepted, nothing happens), events, batteries.

APM_VERSION     equ 0x0102
APM_POWERED_OFF equ 0x0003      ; in CX of AL=07h
APM_NO_EVENTS   equ 0x80
APM_UNKNOWN     equ 0x0c
PM_CONTROL      equ 0x604       ; pci.asm puts the ports there
PM_OFF          equ 0x2000      ; sleep, type 0

; AL = function. Only by interrupt: what there is, connecting.
apm_service:
        cmp al, 3
        ja .core
        je .flat
        cmp al, 1
        je .done
        ja .protected
        mov word [bp + F_AX], APM_VERSION
        mov word [bp + F_BX], 'MP'        ; PM, P in BH
        mov word [bp + F_CX], 3 ; both protected-mode entries
        clc
        ret
.protected:
        mov word [bp + F_BX], apm_entry16
        mov [bp + F_CX], cs
        jmp short .segments
.flat:  mov dword [bp + F_BX], apm_entry32
        mov [bp + F_CX], cs
        mov [bp + F_DX], cs
.segments:
        mov [bp + F_AX], cs
        mov dword [bp + F_SI], 0xffffffff       ; lengths of the code segments,
        mov word [bp + F_DI], 0xffff            ; of the data segment
        clc
        ret
.core:  mov bx, [bp + F_BX]
        call apm_core16
        mov [bp + F_AX], ax
        mov [bp + F_BX], bx
        mov [bp + F_CX], cx
        mov [bp + F_DX], dx
        ret
.done:  mov byte [bp + F_AH], 0
        clc
        ret

; The functions from 04h on, in registers alone: any segment may be the caller's. CF: AH = why not.
%macro APM_CORE 0
        cmp al, 0x05
        je %%idle
        cmp al, 0x07
        je %%state
        cmp al, 0x0a
        je %%power
        cmp al, 0x0b
        je %%event
        cmp al, 0x0c
        je %%running
        cmp al, 0x0e
        je %%version
        cmp al, 0x10
        ja %%unknown
        je %%abilities
%%ok:   mov ah, 0
        clc
        ret
%%idle: sti
        hlt
        jmp short %%ok
%%state:
        cmp bx, 1               ; all devices
        jne %%ok
        cmp cx, APM_POWERED_OFF
        jne %%ok
        mov dx, PM_CONTROL
        mov ax, PM_OFF
        out dx, ax
%%stay: cli
        hlt
        jmp short %%stay
%%power:
        mov bx, 0x01ff          ; on the mains, batteries unknown
        mov cx, 0x80ff          ; there is none
        mov dx, 0xffff
        jmp short %%ok
%%event:
        mov ah, APM_NO_EVENTS
        stc
        ret
%%running:
        xor cx, cx
        jmp short %%ok
%%version:
        mov ax, APM_VERSION
        clc
        ret
%%abilities:
        xor cx, cx
        mov bl, 0
        jmp short %%ok
%%unknown:
        mov ah, APM_UNKNOWN
        stc
        ret
%endmacro

apm_entry16:
        call apm_core16
        retf
apm_core16:
        APM_CORE
        bits 32
apm_entry32:
        call apm_core32
        retf
apm_core32:
        APM_CORE
        bits 16
